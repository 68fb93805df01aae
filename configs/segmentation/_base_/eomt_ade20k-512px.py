# EoMT on ADE20K: 31 epochs at 512 x 512, as released. Leaves set the trunk.
_base_ = ['mmseg::mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py', '../../_base_/eomt.py']

iterations = 39153
model = dict(
    backbone=dict(_delete_=True, **dict(_base_.eomt_backbone, num_queries=100), img_size=512),
    decode_head=dict(_delete_=True, type='eva_mm.EoMTSegHead', in_channels=1024, num_classes=150),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(2048, 512), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=(512, 512), cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
train_dataloader = dict(batch_size=2, dataset=dict(pipeline=train_pipeline))
optim_wrapper = _base_.eomt_optim
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=1500, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=iterations, by_epoch=False),
]
train_cfg = dict(max_iters=iterations)
custom_hooks = _base_.eomt_hooks
auto_scale_lr = dict(base_batch_size=16)
