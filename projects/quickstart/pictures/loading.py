"""Models and images for the pictures."""

from pathlib import Path

import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope
from mmengine.runner import load_checkpoint
from torch import nn

from eva_mm.registry import MODELS


def load_run(run: Path) -> tuple[Config, nn.Module]:
    """Config and trained model of a work dir."""
    (config,) = sorted(run.glob('*.py'))
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    model = MODELS.build(cfg.model)
    load_checkpoint(
        model, (run / 'last_checkpoint').read_text().strip(), map_location='cpu', strict=True, logger='silent'
    )
    return cfg, model.eval()


def samples(cfg: Config, number: int, seed: int = 0) -> list[dict]:
    """Random samples of the validation set of a config, through its own pipeline."""
    from mmengine.registry import DATASETS

    dataset = DATASETS.build(cfg.val_dataloader.dataset)
    generator = torch.Generator().manual_seed(seed)
    return [dataset[index] for index in torch.randperm(len(dataset), generator=generator)[:number].tolist()]
