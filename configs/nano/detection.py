"""Nano EVA with Cascade Mask R-CNN: the COCO recipe of EVA-g shrunk to about a minute on two CPU cores.

    python tools/train.py configs/nano/detection.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. There is no nano
Objects365: the backbone starts from masked image modelling, the rest afresh. Sizes, data and schedule differ from the
parent, and fp16 becomes plain fp32.
"""

_base_ = ['../detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py', '../_base_/eva-nano.py']

side, channels, head_channels, num_classes = 112, 48, 32, 10
classes = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')

roi_head = _base_.model.roi_head
rcnn = _base_.model.train_cfg.rcnn
model = dict(
    init_cfg=None,
    data_preprocessor=dict(pad_size_divisor=side),
    backbone=dict(
        **_base_.mim_backbone,
        img_size=96,
        window_size=4,
        rel_pos_img_size=side,
        drop_path_rate=0.0,
        with_cp=False),
    neck=dict(in_channels=96, out_channels=channels),
    rpn_head=dict(in_channels=channels, feat_channels=channels, anchor_generator=dict(scales=[4])),
    roi_head=dict(
        bbox_roi_extractor=dict(out_channels=channels),
        bbox_head=[
            dict(
                head,
                in_channels=channels,
                conv_out_channels=head_channels,
                fc_out_channels=96,
                num_classes=num_classes) for head in roi_head.bbox_head
        ],
        mask_roi_extractor=dict(out_channels=channels),
        mask_head=dict(in_channels=channels, conv_out_channels=head_channels, num_classes=num_classes)),
    train_cfg=dict(
        rpn=dict(sampler=dict(num=64)),
        rpn_proposal=dict(nms_pre=200, max_per_img=50),
        rcnn=[dict(rcnn[0], sampler=dict(rcnn[0].sampler, num=16)), *rcnn[1:]]),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=50), rcnn=dict(max_per_img=20)))

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
    dict(type='RandomResize', scale=(side, side), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(
        type='RandomCrop',
        crop_type='absolute_range',
        crop_size=(side, side),
        recompute_bbox=True,
        allow_negative_crop=True),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-2, 1e-2)),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(side, side), keep_ratio=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.meta_keys),
]
nano = dict(data_root='data/nano/coco/', metainfo=dict(classes=classes))
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=train_pipeline))
val_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=test_pipeline))
test_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=test_pipeline))
val_evaluator = dict(ann_file='data/nano/coco/annotations/instances_val2017.json')
test_evaluator = dict(ann_file='data/nano/coco/annotations/instances_val2017.json')

optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    clip_grad=dict(max_norm=35.0),
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.1),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9))
train_cfg = dict(max_iters=300, val_interval=300)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=31),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=300, milestones=[240, 285], gamma=0.1),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=300, max_keep_ckpts=1))
