"""Nano EVA-02 with UPerNet: the ADE20K recipe of EVA-02-B shrunk to a minute on two CPU cores.

    python tools/train.py configs/nano/segmentation_eva02.py

Starts from configs/nano/pretrain_eva02.py. The classes are the nano set's, SyncBN becomes BN, fp16 plain fp32.
"""

_base_ = ['../segmentation/upernet_eva02-b-p16_ade20k-512px.py', '../_base_/eva02-nano.py']

crop_size = (96, 96)
num_classes = 10
norm_cfg = dict(type='BN', requires_grad=True)
data_preprocessor = dict(size=crop_size, test_cfg=dict(size=crop_size))
small = dict(num_classes=num_classes, norm_cfg=norm_cfg, channels=48)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(**_base_.mim_backbone, img_size=96, out_indices=(0, 1, 2, 3), drop_path_rate=0.1),
    neck=dict(embed_dim=96, norm_cfg=norm_cfg),
    decode_head=dict(in_channels=[96] * 4, **small),
    auxiliary_head=dict(in_channels=96, **small),
    test_cfg=dict(crop_size=crop_size, stride=(64, 64)),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(384, 96), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.98),  # most of an image is background
    dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(384, 96), keep_ratio=True),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
_classes = ('zero', 'one', 'two', 'three', 'four', 'palace', 'trees', 'flower', 'leaves', 'officer')
_dataset = dict(
    type='BaseSegDataset',
    data_root='data/nano/ade',
    reduce_zero_label=True,
    metainfo=dict(classes=_classes, palette=[[25 * i, 255 - 25 * i, 40 * (i % 6)] for i in range(num_classes)]),
)
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**_dataset, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**_dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0, layer_decay_rate=0.9),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=21, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=161, by_epoch=False),
]
train_cfg = dict(max_iters=160, val_interval=160)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=160, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=8)
