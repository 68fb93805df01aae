"""The EoMT configs of mmdet at toy size: a step of training, instances and panoptic scenes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from mmdet.registry import MODELS
from mmdet.structures import DetDataSample
from mmdet.structures.mask import BitmapMasks
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope
from mmengine.structures import InstanceData, PixelData

CONFIGS = Path(__file__).parents[3] / 'configs' / 'detection'
SIDE = 64
TRUNKS = ('dinov2', 'dinov3', 'eva02')


def _built(kind, trunk='dinov2'):
    cfg = Config.fromfile(CONFIGS / f'eomt_{trunk}-l-p16_640_coco-{kind}.py')
    init_default_scope(cfg.default_scope)
    name = cfg.model.backbone.arch
    cfg.model.backbone.update(
        arch=dict(name=name, embed_dims=32, num_layers=3, num_heads=2, feedforward_channels=48),
        img_size=SIDE, num_queries=6, num_query_blocks=2, init_cfg=None,
    )  # fmt: skip
    cfg.model.data_preprocessor.update(pad_size_divisor=SIDE)
    cfg.model.data_preprocessor.batch_augments[0].size = (SIDE, SIDE)
    cfg.model.panoptic_head.in_channels = 32
    cfg.model.train_cfg.num_points = 64
    model = MODELS.build(cfg.model)
    model.init_weights()
    return cfg, model


def _data(kind, size=(SIDE, SIDE)):
    sample = DetDataSample(metainfo=dict(img_shape=size, ori_shape=size, scale_factor=(1, 1)))
    mask = np.zeros((1, *size), np.uint8)
    mask[:, 8:40, 16:40] = 1
    sample.gt_instances = InstanceData(
        bboxes=torch.tensor([[16.0, 8, 40, 40]]), labels=torch.tensor([1]), masks=BitmapMasks(mask, *size)
    )
    if kind == 'panoptic':
        sample.gt_sem_seg = PixelData(sem_seg=torch.where(torch.from_numpy(mask) == 1, 1, 90))
    return dict(inputs=[torch.randint(0, 256, (3, *size), dtype=torch.uint8)], data_samples=[sample])


@pytest.mark.parametrize('trunk', TRUNKS)
@pytest.mark.parametrize('kind', ['instance', 'panoptic'])
def test_a_step_changes_every_weight(kind, trunk):
    cfg, model = _built(kind, trunk)
    cfg.optim_wrapper.update(type='OptimWrapper')
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {name: value.clone() for name, value in model.named_parameters()}
    log = model.train().train_step(_data(kind), optimizer)
    assert torch.isfinite(log['loss'])
    assert not [name for name, value in model.named_parameters() if torch.equal(value, before[name])]


@pytest.mark.parametrize('kind', ['instance', 'panoptic'])
def test_predictions_are_as_large_as_the_image(kind):
    _, model = _built(kind)
    (result,) = model.eval().test_step(_data(kind, (48, 60)))
    assert result.pred_instances.masks.shape[1:] == (48, 60)
    if kind == 'panoptic':
        assert result.pred_panoptic_seg.sem_seg.shape == (1, 48, 60)


def test_learns_an_image_by_heart():
    """After some steps on one image, masks of its thing and its stuff lie where they are."""
    _, model = _built('panoptic')
    data = _data('panoptic')
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-3)
    for _ in range(80):
        model.train()
        processed = model.data_preprocessor(data, True)
        losses = model.loss(processed['inputs'], processed['data_samples'])
        optimizer.zero_grad()
        sum(losses.values()).backward()
        optimizer.step()
    model.backbone.attn_mask_probs.zero_()
    (result,) = model.eval().test_step(data)
    classes = result.pred_panoptic_seg.sem_seg[0] % 1000
    assert (classes[10:38, 18:38] == 1).float().mean() > 0.9
    assert (classes[44:] == 90).float().mean() > 0.9
