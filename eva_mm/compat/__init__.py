def install() -> None:
    """Placeholder, to be overwritten by the compat author."""
