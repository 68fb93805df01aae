"""A pre-training config for a folder of images."""

from pathlib import Path

from mmengine.config import Config

from eva_mm.datasets.merged.dataset import MergedImages

# fewer images are all trained on
FEWEST = 20


def use_image_folder(cfg: Config, root: str | Path) -> str:
    """Pre-train on the images below ``root``, of which some are held out to validate on.

    One in 10 is held out, or one in 50 of a thousand and more; of fewer than 20 none is.

    Args:
        cfg: Changed in place.
        root: The folder.

    Returns:
        What was done, for the log.
    """
    place = dict(data_root=str(root), sources=None, index=None)
    cfg.train_dataloader.dataset.merge(place)
    if cfg.get('val_dataloader') is None:
        return f'all images below {root}, without validation'
    steps = [step for step in cfg.val_dataloader.dataset.pipeline if not step.type.endswith('LoadImageFromFile')]
    cfg.val_dataloader.dataset = dict(type='eva_mm.MergedImages', **place, pipeline=steps)
    count = len(MergedImages(str(root)))
    if count < FEWEST:
        # inference goes by the test pipeline
        cfg.test_cfg, cfg.test_dataloader, cfg.test_evaluator = cfg.val_cfg, cfg.val_dataloader, cfg.val_evaluator
        cfg.val_cfg = cfg.val_dataloader = cfg.val_evaluator = None
        return f'all {count} images below {root}, too few for a validation'
    every = 10 if count < 1000 else 50
    cfg.train_dataloader.dataset.held_out_every = every
    cfg.val_dataloader.dataset.update(held_out_every=every, held_out=True)
    return f'{count} images below {root}, of which {count // every} are held out for validation'
