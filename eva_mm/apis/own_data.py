"""``--data-root``: any task's config on a folder of one's own."""

from pathlib import Path

from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.tasks import task_of


def use_data_root(cfg: Config, root: str) -> str:
    """Point a config to a folder in the format of its task, with the classes that the folder has.

    Images without labels for masked image modelling; ``train/CLASS`` and ``val/CLASS`` for classification; COCO json
    for detection; images and label maps for segmentation; ``CLASS`` folders of videos, or lists, for video.

    Args:
        cfg: Changed in place.
        root: The folder.

    Returns:
        What was found, for the log.

    Raises:
        UserError: The folder does not exist, or this task's data cannot be a folder.
        FileNotFoundError, ValueError: The folder is not in the format; the sentence names the file.
    """
    if not Path(root).is_dir():
        raise UserError(f'--data-root: {root!r} is not a directory; pass the directory of your data.')
    task = task_of(cfg)
    if task.use_folder is None or task.model not in (None, cfg.model.type):
        raise UserError(f'--data-root cannot be used with {cfg.model.type}: set its data with --cfg-options instead.')
    return task.part('use_folder')(cfg, root)
