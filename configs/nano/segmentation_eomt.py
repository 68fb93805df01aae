"""Nano EoMT: the ADE20K recipe of DINOv2-L shrunk to a minute on two CPU cores, over nano EVA.

    python tools/train.py configs/nano/segmentation_eomt.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. The classes are the nano
set's, and mixed precision becomes plain fp32.
"""

_base_ = ['../segmentation/eomt_dinov2-l-p16_ade20k-512px.py', '../_base_/eva-nano.py']

crop_size = (96, 96)
data_preprocessor = dict(size=crop_size, test_cfg=dict(size=crop_size, size_divisor=None))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(**_base_.mim_backbone, img_size=96, num_queries=20, num_query_blocks=2, with_cp=False),
    decode_head=dict(in_channels=96, num_classes=10, train_cfg=dict(num_points=576)),
    test_cfg=dict(crop_size=crop_size, stride=(64, 64)),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(384, 96), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.98),  # most of an image is background
    dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(384, 96), keep_ratio=True),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs'),
]
_classes = ('zero', 'one', 'two', 'three', 'four', 'palace', 'trees', 'flower', 'leaves', 'officer')
_dataset = dict(
    type='BaseSegDataset',
    data_root='data/nano/ade',
    reduce_zero_label=True,
    metainfo=dict(classes=_classes, palette=[[25 * i, 255 - 25 * i, 40 * (i % 6)] for i in range(10)]),
)
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**_dataset, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**_dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=20, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=0.0, begin=0, end=160, by_epoch=False),
]
train_cfg = dict(max_iters=160, val_interval=160)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=160, max_keep_ckpts=1))
