"""Nano EVA on short videos of a moving digit, from nano pre-training.

    python tools/train.py configs/nano/video.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. The eight classes come in
pairs, one the other played backwards: only the order of the frames tells them apart. Shrinks the Kinetics-722 recipe;
fp16 becomes plain fp32, and nothing is mirrored, because a mirrored move to the left is one to the right.
"""

_base_ = ['../video/eva-g-p14_8f-224_k722.py', '../_base_/eva-nano.py']

classes = 8
model = dict(
    backbone=dict(**_base_.mim_backbone, num_frames=4, img_size=84, drop_path_rate=0.0, with_cp=False),
    cls_head=dict(num_classes=classes, in_channels=96),
    data_preprocessor=dict(
        blending=dict(
            augments=[
                dict(type='CutmixBlending', alpha=1.0, num_classes=classes),
                dict(type='MixupBlending', alpha=0.8, num_classes=classes),
            ])))

start = dict(type='eva_mm.OpenVideo')
train_pipeline = [
    start,
    dict(type='eva_mm.SampleSegments', clip_len=4, random=True),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 96)),
    dict(type='MultiScaleCrop', input_size=84, scales=(1, 0.875, 0.75), max_wh_scale_gap=1),
    dict(type='Resize', scale=(84, 84), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.0),
    dict(type='eva_mm.ClipColorJitter', prob=0.8),
    dict(type='eva_mm.ClipGrayscale', prob=0.2),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
val_pipeline = [
    start,
    dict(type='eva_mm.SampleSegments', clip_len=4),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 84)),
    dict(type='CenterCrop', crop_size=84),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    start,
    dict(type='eva_mm.SampleSegments', clip_len=4, num_clips=4),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 84)),
    dict(type='ThreeCrop', crop_size=84),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
data = dict(data_root='data/nano/kinetics', metainfo=dict(classes='data/nano/kinetics/classes.txt'))
train = dict(**data, data_prefix=dict(video='train'), ann_file='train_list.txt')
val = dict(**data, data_prefix=dict(video='val'), ann_file='val_list.txt')
train_dataloader = dict(batch_size=16, num_workers=1, dataset=dict(**train, pipeline=train_pipeline))
val_dataloader = dict(batch_size=40, num_workers=1, dataset=dict(**val, pipeline=val_pipeline))
test_dataloader = dict(batch_size=10, num_workers=1, dataset=dict(**val, pipeline=test_pipeline))

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=1e-3))
param_scheduler = dict(warmup_epochs=2)
train_cfg = dict(max_epochs=20, val_interval=20)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
