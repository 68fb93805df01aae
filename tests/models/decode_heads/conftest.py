"""A segmentor of the nano recipe, 32 channels wide."""

from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import init_default_scope

NANO = Path(__file__).parents[3] / 'configs' / 'nano' / 'segmentation.py'


@pytest.fixture
def nano_config():
    """The nano config with a narrower trunk and no pre-trained weights."""
    cfg = Config.fromfile(NANO)
    cfg.model.backbone.update(
        arch=dict(embed_dims=32, num_layers=4, num_heads=2, feedforward_channels=48), deform_num_heads=2, init_cfg=None
    )
    cfg.model.decode_head.in_channels = [32] * 4
    cfg.model.test_cfg.update(crop_size=(48, 48), stride=(32, 32))
    init_default_scope(cfg.default_scope)
    return cfg


@pytest.fixture
def build():
    """Build a segmentor from a config."""

    def make(cfg):
        from mmseg.registry import MODELS

        return MODELS.build(cfg.model)

    return make
