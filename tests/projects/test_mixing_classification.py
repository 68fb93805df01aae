"""Every mixed recipe of mmpretrain trains a step at toy size."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmpretrain.registry import MODELS
from mmpretrain.structures import DataSample

FOLDER = Path(__file__).parents[2] / 'projects' / 'mixing' / 'classification'
CONFIGS = sorted(FOLDER.glob('*.py'))
TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
SIDE, CLASSES = 32, 5


def shrink(cfg: Config) -> None:
    """Fewer channels and classes, smaller images; nothing else."""
    model = cfg.model
    backbone = model.backbone if 'backbone' in model else model.image_encoder[0]
    backbone.arch, backbone.img_size, backbone.init_cfg = TOY, SIDE, None
    if model.type == 'MoCoV3':
        model.neck.update(in_channels=16, hid_channels=16, out_channels=16)
        model.head.predictor.update(in_channels=16, hid_channels=16, out_channels=16)
        return
    model.head.update(in_channels=16, num_classes=CLASSES)
    cfg.data_preprocessor.num_classes = CLASSES


def batch(cfg: Config) -> dict:
    """Two images, each with a label, two labels or a second view."""
    images = torch.randint(0, 256, (2, 3, SIDE, SIDE), dtype=torch.uint8)
    several = cfg.model.head.type == 'CSRAClsHead'
    samples = [DataSample().set_gt_label([label, 4] if several else label) for label in (0, 3)]
    return dict(inputs=[images, images.flip(-1)] if cfg.model.type == 'MoCoV3' else images, data_samples=samples)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_trains_a_step(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    shrink(cfg)
    # as the runner does
    cfg.model.setdefault('data_preprocessor', cfg.get('data_preprocessor'))
    model = MODELS.build(cfg.model)
    model.init_weights()
    cfg.optim_wrapper.type = 'OptimWrapper'
    cfg.optim_wrapper.pop('loss_scale', None)
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {name: value.clone() for name, value in model.named_parameters()}
    log = model.train().train_step(batch(cfg), optimizer)
    assert torch.isfinite(log['loss'])
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    for block in (0, 1):
        assert any(f'blocks.{block}.attn.qkv' in name for name in changed)
    assert any(name.startswith('head.') for name in changed)
    # MoCo v3 keeps the patch embedding
    assert any('patch_embed' in name for name in changed) == (cfg.model.type != 'MoCoV3')
