"""Nano EVA-02: the pre-training of EVA-02-B shrunk to about a minute on two CPU cores.

    python tools/train.py configs/nano/pretrain_eva02.py --work-dir work_dirs/quickstart/pretrain_eva02

Needs what configs/nano/pretrain.py needs, and shrinks in the same way.
"""

_base_ = ['../pretrain/eva02-b-p14_mim-eva-clip-g_in21k-224px.py', '../_base_/eva02-nano.py']

# 15 of 36 patches are as near to 105 of 256 as a 6 x 6 grid allows
masking = dict(grid_size=6, num_masked=15, min_block=4)

model = dict(
    backbone=dict(arch=_base_.mim_backbone.arch, img_size=84, drop_path_rate=0.0),
    head=dict(embed_dims=96, out_channels=64),
    target_generator=dict(model='local-dir:work_dirs/quickstart/teacher', pretrained=None),
)

train_dataloader = dict(
    batch_size=64,
    num_workers=1,
    dataset=dict(
        data_root='data/nano/unlabelled',
        index=None,
        sources=None,
        pipeline=[
            dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
            dict(type='eva_mm.PillowRandomResizedCrop', scale=84, crop_ratio_range=(0.5, 1.0)),
            dict(type='eva_mm.BlockwiseMask', **masking),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=1,
    dataset=dict(
        data_root='data/nano/imagenet',
        pipeline=[
            dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation'),
            dict(type='ResizeEdge', scale=84, edge='short', backend='pillow', interpolation='bicubic'),
            dict(type='CenterCrop', crop_size=84),
            dict(type='eva_mm.EvenPatchMask', grid_size=6),
            dict(type='PackInputs'),
        ],
    ),
)

strategy = None
optim_wrapper = dict(type='OptimWrapper', clip_grad=dict(max_norm=3.0), optimizer=dict(lr=2e-3))
param_scheduler = dict(warmup_epochs=1)
train_cfg = dict(max_epochs=8, val_interval=8)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(by_epoch=True, interval=1, max_keep_ckpts=2))
auto_scale_lr = dict(base_batch_size=64)
