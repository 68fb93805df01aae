"""``--data-root``: any task's config on a folder of one's own."""

from pathlib import Path

from mmengine.config import Config

from eva_mm.apis.errors import UserError


def _pretraining(cfg: Config, root: str) -> str:
    cfg.train_dataloader.dataset.merge(dict(data_root=root, sources=None, index=None))
    cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
    return f'all images below {root}, without validation'


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
        raise UserError(f'--data-root names {root!r}, which is no folder: give the folder of your data.')
    scope, kind = cfg.default_scope, cfg.model.type
    if scope == 'mmdet':
        from eva_mm.datasets.own_coco import use_coco_folder

        return '\n'.join(f'{split}: {found}' for split, found in use_coco_folder(cfg, root).items())
    if kind == 'eva_mm.EVAMIM':
        return _pretraining(cfg, root)
    if scope == 'mmseg':
        from eva_mm.datasets.inspect_segmentation import inspect_segmentation as inspect
    elif scope == 'mmaction':
        from eva_mm.datasets.inspect_video import inspect_video as inspect
    elif 'Classifier' in kind:
        from eva_mm.datasets.inspect_classification import inspect_classification as inspect
    else:
        raise UserError(f'--data-root cannot be used with {kind}: set its data with --cfg-options instead.')
    found = inspect(root)
    cfg.merge_from_dict(found.options(cfg))
    return str(found)
