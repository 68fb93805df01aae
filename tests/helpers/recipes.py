"""Values of a config by their place, for tables of what the release trains with."""

from typing import Any


def value(cfg: Any, place: str) -> Any:
    """What stands at a place such as ``train_dataloader.dataset.pipeline.1.scale``; ``None`` if nothing does."""
    for part in place.split('.'):
        if cfg is None:
            return None
        cfg = cfg[int(part)] if part.lstrip('-').isdigit() else cfg.get(part)
    return tuple(cfg) if isinstance(cfg, list) else cfg


def step(pipeline: list[dict], name: str) -> dict:
    """The one step of a pipeline whose type is ``name``."""
    (found,) = [each for each in pipeline if each['type'].removeprefix('eva_mm.') == name]
    return found


def differences(cfg: Any, table: dict[str, Any]) -> dict[str, tuple[Any, Any]]:
    """Place to (value there, value of the table), where they differ."""
    found = {place: (value(cfg, place), expected) for place, expected in table.items()}
    return {place: pair for place, pair in found.items() if pair[0] != pair[1]}
