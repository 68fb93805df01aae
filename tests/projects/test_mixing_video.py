"""Every mixed video recipe trains a step at toy size."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

pytest.importorskip('mmaction')

FOLDER = Path(__file__).parents[2] / 'projects' / 'mixing' / 'video'
TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
SWIN = dict(embed_dims=12, depths=[1, 1], num_heads=[1, 2])
CLASSES = 5


def shrink(cfg: Config) -> None:
    """Fewer channels and classes, smaller frames; nothing else."""
    backbone, head = cfg.model.backbone, cfg.model.cls_head
    if backbone.type == 'eva_mm.EVAViTVideo':
        backbone.arch, backbone.img_size, head.in_channels = TOY, 32, 16
    else:
        backbone.arch, backbone.window_size, backbone.out_indices, head.in_channels = SWIN, (2, 2, 2), (1,), 24
    head.num_classes = CLASSES
    for augment in (cfg.model.data_preprocessor.get('blending') or {}).get('augments', ()):
        augment.num_classes = CLASSES


@pytest.mark.parametrize('path', sorted(FOLDER.glob('*.py')), ids=lambda path: path.stem)
def test_trains_a_step(path):
    from mmaction.registry import MODELS
    from mmaction.structures import ActionDataSample

    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    shrink(cfg)
    model = MODELS.build(cfg.model)
    model.init_weights()
    cfg.optim_wrapper.type = 'OptimWrapper'
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    frames = cfg.model.backbone.get('num_frames', 8)
    data = dict(
        inputs=[torch.randint(0, 256, (1, 3, frames, 32, 32), dtype=torch.uint8) for _ in range(2)],
        data_samples=[ActionDataSample().set_gt_label(label) for label in (0, 3)],
    )
    before = {name: value.clone() for name, value in model.named_parameters()}
    log = model.train_step(data, optimizer)
    assert torch.isfinite(log['loss'])
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    assert any(name.startswith('backbone.') for name in changed)
    assert any(name.startswith('cls_head.') for name in changed)


def test_there_are_mixed_recipes():
    paths = sorted(FOLDER.glob('*.py'))
    assert len(paths) == 4
    assert all(len(path.read_text().splitlines()) < 40 for path in paths)
