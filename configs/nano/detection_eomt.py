"""Nano EoMT of instances: the COCO recipe of DINOv2-L shrunk to two minutes on a CPU core, over nano EVA.

    python tools/train.py configs/nano/detection_eomt.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. Mixed precision becomes plain
fp32.
"""

_base_ = ['../detection/eomt_dinov2-l-p16_640_coco-instance.py', '../_base_/eva-nano.py']

side, num_classes = 160, 10
data_preprocessor = dict(pad_size_divisor=side, batch_augments=[dict(_base_.square, size=(side, side), pad_seg=False)])
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(**_base_.mim_backbone, img_size=96, num_queries=20, num_query_blocks=2, with_cp=False),
    panoptic_head=dict(in_channels=96, num_things_classes=num_classes),
    panoptic_fusion_head=dict(num_things_classes=num_classes),
    train_cfg=dict(num_points=576),
    test_cfg=dict(max_per_image=20),
)

train_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
    dict(_base_.jitter, scale=(side, side), ratio_range=(0.75, 1.5)),
    dict(_base_.crop, crop_size=(side, side)),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-5, 1e-5), by_mask=True),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True),
    dict(type='Resize', scale=(side, side), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.meta_keys),
]
nano = dict(
    data_root='data/nano/coco/',
    metainfo=dict(classes=('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')),
)
test = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=test_pipeline))
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=train_pipeline))
val_dataloader = test
test_dataloader = test
val_evaluator = dict(ann_file='data/nano/coco/annotations/instances_val2017.json')
test_evaluator = val_evaluator

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=30, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=300, by_epoch=False),
]
train_cfg = dict(max_iters=300, val_interval=300)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=300, max_keep_ckpts=1))
