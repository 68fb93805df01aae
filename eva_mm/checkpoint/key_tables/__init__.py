"""One table of names for each task."""

from eva_mm.checkpoint.key_tables import (
    classification,
    clip,
    detection,
    pretrain,
    segmentation,
    video,
)
from eva_mm.checkpoint.rules import KeyTable

TABLES: dict[str, KeyTable] = {
    'pretrain': pretrain.TABLE,
    'classification': classification.TABLE,
    'detection': detection.TABLE,
    'segmentation': segmentation.TABLE,
    'video': video.TABLE,
    'clip': clip.TABLE,
}


def key_table(task: str) -> KeyTable:
    """The table of a task.

    Raises:
        ValueError: There is no such task.
    """
    if task not in TABLES:
        raise ValueError(f'task={task!r} is unknown: choose from {", ".join(TABLES)}.')
    return TABLES[task]
