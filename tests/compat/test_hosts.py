"""The hosts import and their models run on mmcv without compiled kernels."""

import importlib

import numpy as np
import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData

import eva_mm  # noqa: F401


@pytest.mark.parametrize('host', ['mmpretrain', 'mmdet', 'mmseg', 'mmaction'])
def test_models_import(host):
    pytest.importorskip(host)
    assert importlib.import_module(f'{host}.models')


@pytest.fixture
def inherit(tmp_path):
    """The model of a host's config."""

    def load(name):
        (tmp_path / 'config.py').write_text(f'_base_ = {name!r}\n')
        return Config.fromfile(tmp_path / 'config.py').model

    return load


@pytest.fixture
def cascade(inherit):
    """mmdet's Cascade Mask R-CNN with three classes and no layer wider than 64."""
    pytest.importorskip('mmdet')
    from mmdet.registry import MODELS

    config = inherit('mmdet::_base_/models/cascade-mask-rcnn_r50_fpn.py')
    config.backbone = dict(type='ResNet', depth=18, base_channels=8, norm_cfg=dict(type='BN'))
    config.neck.update(in_channels=[8, 16, 32, 64], out_channels=16)
    config.rpn_head.update(in_channels=16, feat_channels=16)
    heads = config.roi_head
    heads.bbox_roi_extractor.out_channels = heads.mask_roi_extractor.out_channels = 16
    for head in heads.bbox_head:
        head.update(in_channels=16, fc_out_channels=32, num_classes=3)
    heads.mask_head.update(in_channels=16, conv_out_channels=16, num_classes=3)
    config.test_cfg.rcnn.update(score_thr=0.0, nms=dict(type='soft_nms', iou_threshold=0.5, min_score=1e-3))
    with DefaultScope.overwrite_default_scope('mmdet'):
        yield MODELS.build(config)


def image_with_boxes():
    from mmdet.structures import DetDataSample
    from mmdet.structures.mask import BitmapMasks

    boxes = torch.tensor([[4.0, 8, 40, 60], [30, 20, 90, 80]])
    masks = np.zeros((2, 96, 96), np.uint8)
    for mask, (x1, y1, x2, y2) in zip(masks, boxes.int().tolist(), strict=True):
        mask[y1:y2, x1:x2] = 1
    size = dict(img_shape=(96, 96), ori_shape=(96, 96), batch_input_shape=(96, 96), pad_shape=(96, 96))
    sample = DetDataSample(metainfo=dict(size, scale_factor=(1.0, 1.0)))
    sample.gt_instances = InstanceData(bboxes=boxes, labels=torch.tensor([0, 2]), masks=BitmapMasks(masks, 96, 96))
    sample.ignored_instances = InstanceData(
        bboxes=boxes[:0], labels=torch.zeros(0).long(), masks=BitmapMasks(masks[:0], 96, 96)
    )
    return dict(inputs=[torch.randint(0, 256, (3, 96, 96), dtype=torch.uint8)], data_samples=[sample])


def test_cascade_mask_rcnn_trains_and_detects(cascade):
    data = cascade.data_preprocessor(image_with_boxes(), training=True)
    losses = cascade.train()(**data, mode='loss')
    sum(sum(loss) if isinstance(loss, list) else loss for loss in losses.values()).backward()
    assert {'loss_rpn_cls', 's0.loss_bbox', 's2.loss_mask'} <= losses.keys()
    without = [name for name, p in cascade.named_parameters() if p.requires_grad and p.grad is None]
    assert without == []

    with torch.no_grad():
        found = cascade.eval().test_step(image_with_boxes())[0].pred_instances
    assert len(found) > 0 and found.masks.shape[1:] == (96, 96)
    assert found.scores.isfinite().all()


@pytest.fixture
def mask2former(inherit):
    """mmseg's Mask2Former head with its deformable pixel decoder, five classes, width 32."""
    pytest.importorskip('mmseg.models')
    pytest.importorskip('mmdet.models')
    from mmseg.registry import MODELS

    config = inherit('mmseg::mask2former/mask2former_r50_8xb2-90k_cityscapes-512x1024.py').decode_head
    config.update(in_channels=[8, 16, 32, 64], feat_channels=32, out_channels=32, num_classes=5, num_queries=10)
    config.positional_encoding.num_feats = config.pixel_decoder.positional_encoding.num_feats = 16
    config.pixel_decoder.encoder.num_layers = 1
    config.transformer_decoder.num_layers = 2
    for layer in (config.pixel_decoder.encoder.layer_cfg, config.transformer_decoder.layer_cfg):
        for name in ('self_attn_cfg', 'cross_attn_cfg'):
            if name in layer:
                layer[name].update(embed_dims=32, num_heads=4)
        layer.ffn_cfg.update(embed_dims=32, feedforward_channels=64)
    config.loss_cls.class_weight = [1.0] * 5 + [0.1]
    config.train_cfg.num_points = 64
    with DefaultScope.overwrite_default_scope('mmseg'):
        yield MODELS.build(config)


def test_mask2former_trains_and_segments(mask2former):
    from mmseg.structures import SegDataSample

    size = dict(img_shape=(64, 64), ori_shape=(64, 64), batch_input_shape=(64, 64), pad_shape=(64, 64))
    sample = SegDataSample(metainfo=size)
    sample.gt_sem_seg = PixelData(data=torch.randint(0, 5, (1, 64, 64)))
    maps = [torch.randn(1, width, 64 // stride, 64 // stride) for width, stride in zip((8, 16, 32, 64), (4, 8, 16, 32))]
    sum(mask2former.loss(maps, [sample], mask2former.train_cfg).values()).backward()
    assert [name for name, p in mask2former.named_parameters() if p.grad is None] == []
    with torch.no_grad():
        assert mask2former.predict(maps, [sample.metainfo], {}).shape == (1, 5, 64, 64)
