"""A pre-training config for a folder of images."""

from pathlib import Path

from mmengine.config import Config


def use_image_folder(cfg: Config, root: str | Path) -> str:
    """Pre-train on all images below ``root``, without validation.

    Args:
        cfg: Changed in place.
        root: The folder.

    Returns:
        What was done, for the log.
    """
    cfg.train_dataloader.dataset.merge(dict(data_root=str(root), sources=None, index=None))
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    return f'all images below {root}, without validation'
