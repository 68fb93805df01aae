"""The error that a user can mend."""


class UserError(ValueError):
    """Invalid input; the message is one line with what was given, what was expected and what to do."""
