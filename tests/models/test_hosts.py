"""One backbone, four hosts: the same config trains a step inside each of them."""

from importlib import import_module

import pytest
import torch
from mmengine.config import ConfigDict
from mmengine.optim import OptimWrapper
from mmengine.registry import DefaultScope
from mmengine.structures import InstanceData, PixelData

BACKBONE = dict(
    type='eva_mm.EVAViT',
    arch=dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32),
    img_size=56,
    patch_size=14,
    out_type='featmap',
)


def _classifier():
    from mmpretrain.structures import DataSample

    model = dict(
        type='ImageClassifier',
        backbone=BACKBONE,
        neck=dict(type='GlobalAveragePooling'),
        head=dict(type='LinearClsHead', num_classes=3, in_channels=16, loss=dict(type='CrossEntropyLoss')),
    )
    sample = DataSample().set_gt_label(1)
    return model, {'inputs': torch.rand(2, 3, 56, 56), 'data_samples': [sample, sample]}


def _detector():
    from mmdet.structures import DetDataSample

    model = dict(
        type='FCOS',
        data_preprocessor=dict(type='DetDataPreprocessor'),
        backbone=BACKBONE,
        neck=dict(type='FPN', in_channels=[16], out_channels=32, num_outs=5, add_extra_convs='on_output'),
        bbox_head=dict(
            type='FCOSHead', num_classes=3, in_channels=32, feat_channels=32, strides=[14, 28, 56, 112, 224]
        ),
    )
    sample = DetDataSample(metainfo=dict(img_shape=(56, 56), batch_input_shape=(56, 56)))
    sample.gt_instances = InstanceData(bboxes=torch.tensor([[5.0, 5, 40, 40]]), labels=torch.tensor([1]))
    return model, {'inputs': [torch.rand(3, 56, 56)] * 2, 'data_samples': [sample, sample]}


def _segmentor():
    from mmseg.structures import SegDataSample

    model = dict(
        type='EncoderDecoder',
        data_preprocessor=dict(type='SegDataPreProcessor', size=(56, 56)),
        backbone=BACKBONE,
        decode_head=dict(
            type='FCNHead', in_channels=16, channels=16, num_classes=3, num_convs=1, norm_cfg=dict(type='BN')
        ),
        train_cfg=dict(),
        test_cfg=dict(mode='whole'),
    )
    sample = SegDataSample(metainfo=dict(img_shape=(56, 56)))
    sample.gt_sem_seg = PixelData(data=torch.randint(0, 3, (1, 56, 56)))
    return model, {'inputs': [torch.rand(3, 56, 56)] * 2, 'data_samples': [sample, sample]}


def _recognizer():
    from mmaction.structures import ActionDataSample

    model = dict(
        type='Recognizer2D',
        data_preprocessor=dict(type='ActionDataPreprocessor', format_shape='NCHW'),
        backbone=BACKBONE,
        neck=dict(type='eva_mm.FrameNeck'),
        cls_head=dict(type='TSNHead', num_classes=3, in_channels=16),
    )
    sample = ActionDataSample().set_gt_label(1)
    return model, {'inputs': [torch.rand(2, 3, 56, 56)] * 2, 'data_samples': [sample, sample]}


@pytest.mark.parametrize(
    'host, build',
    [('mmpretrain', _classifier), ('mmdet', _detector), ('mmseg', _segmentor), ('mmaction', _recognizer)],
)
def test_trains_a_step_in(host, build):
    import_module(f'{host}.models')
    with DefaultScope.overwrite_default_scope(host):
        config, data = build()
        model = import_module(f'{host}.registry').MODELS.build(ConfigDict(config))
        model.init_weights()
        model.train()
        before = model.backbone.blocks[0].attn.qkv.weight.clone()
        log = model.train_step(data, OptimWrapper(torch.optim.SGD(model.parameters(), lr=0.1)))
    assert torch.isfinite(log['loss'])
    assert not torch.equal(before, model.backbone.blocks[0].attn.qkv.weight)
