"""Every mixed detection recipe trains a step at toy size."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.bbox import HorizontalBoxes
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData

FOLDER = Path(__file__).parents[2] / 'projects' / 'mixing' / 'detection'
CONFIGS = sorted(path for path in FOLDER.glob('*.py') if path.stem != 'eva_backbone')
TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)
SIDE, WIDTH = 64, 32
# what becomes WIDTH wherever it stands in a head: its own width, or that of the maps that it gets
WIDTHS = {
    'in_channels', 'feat_channels', 'out_channels', 'conv_out_channels', 'fc_out_channels', 'embed_dims',
    'feedforward_channels',
}  # fmt: skip


def _narrow(node) -> None:
    for key, value in node.items() if isinstance(node, dict) else enumerate(node):
        if isinstance(value, (dict, list)) and not (key in WIDTHS and isinstance(value, list)):
            _narrow(value)
        elif key in WIDTHS:
            node[key] = [WIDTH] * len(value) if isinstance(value, list) else WIDTH
        elif key == 'num_feats':
            node[key] = WIDTH // 2


def shrink(cfg: Config) -> None:
    """Fewer channels and queries, smaller images; nothing else."""
    model = cfg.model
    model.backbone.update(
        arch=TOY, img_size=SIDE, window_size=2, global_attn_indexes=(1,), rel_pos_img_size=SIDE, init_cfg=None
    )
    model.data_preprocessor.batch_augments = None
    if model.type == 'DINO':
        # mmdet encodes its queries in 256 channels whatever the config says
        model.num_queries, model.encoder.num_layers, model.decoder.num_layers = 20, 1, 1
    else:
        for name, part in model.items():
            if name != 'backbone' and isinstance(part, dict):
                _narrow(part)
    model.neck.in_channels = TOY['embed_dims']
    if 'panoptic_head' in model:
        model.train_cfg.num_points = 64


def batch() -> dict:
    """Two images with one object each."""
    masks = np.zeros((1, SIDE, SIDE), np.uint8)
    masks[:, 8:40, 16:56] = 1
    samples = []
    for label in (0, 2):
        sample = DetDataSample(
            metainfo=dict(
                img_shape=(SIDE, SIDE), ori_shape=(SIDE, SIDE), batch_input_shape=(SIDE, SIDE), scale_factor=(1, 1)
            )
        )
        sample.gt_instances = InstanceData(
            bboxes=HorizontalBoxes(torch.tensor([[16.0, 8, 56, 40]])),
            labels=torch.tensor([label]),
            masks=BitmapMasks(masks, SIDE, SIDE),
        )
        samples.append(sample)
    images = [torch.randint(0, 256, (3, SIDE, SIDE), dtype=torch.uint8) for _ in samples]
    return dict(inputs=images, data_samples=samples)


@pytest.mark.parametrize('path', CONFIGS, ids=lambda path: path.stem)
def test_trains_a_step(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    shrink(cfg)
    model = MODELS.build(cfg.model)
    model.init_weights()
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {name: value.clone() for name, value in model.named_parameters()}
    log = model.train().train_step(batch(), optimizer)
    assert torch.isfinite(log['loss'])
    changed = [name for name, value in model.named_parameters() if not torch.equal(value, before[name])]
    for block in (0, 1):
        assert any(name.startswith(f'backbone.blocks.{block}.attn.qkv') for name in changed)
    assert any(name.startswith('neck.') for name in changed)
    assert any('_head.' in name for name in changed)
    assert not any('patch_embed' in name for name in changed)
