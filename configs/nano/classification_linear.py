"""Nano EVA: the linear probe of EVA-CLIP shrunk to 200 labelled images and seconds on a CPU.

    python tools/train.py configs/nano/classification_linear.py
    python tools/train.py configs/nano/classification_linear.py --cfg-options model.backbone.init_cfg=None   # random

Starts from configs/nano/pretrain.py. Masked image modelling trains no class token, so here the mean of the patch tokens is
probed. Otherwise only sizes, data and the schedule differ from the parent, and fp16 becomes plain fp32.
"""

_base_ = ['../classification/eva-g-p14_clip-pre_linear_in1k-336px.py', '../_base_/eva-nano.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[2].update(size=84, scale=(0.5, 1.0))
train_pipeline[3].p = 0.0  # a mirrored digit is another sign
test_pipeline[1].scale = test_pipeline[2].crop_size = 84

model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(img_size=84, out_type='avg_featmap', frozen_stages=5, **_base_.mim_backbone),
    neck=dict(input_features=96),
    head=dict(num_classes=10, in_channels=96),
)

data = dict(
    data_root='data/nano/imagenet',
    metainfo=dict(classes=('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')),
)
train_dataloader = dict(
    batch_size=20,
    num_workers=1,
    dataset=dict(ann_file='meta/train_few.txt', data_prefix='train', pipeline=train_pipeline, **data),
)
val_dataloader = dict(batch_size=125, num_workers=1, dataset=dict(pipeline=test_pipeline, **data))
test_dataloader = val_dataloader

optim_wrapper = dict(
    _delete_=True, type='OptimWrapper', optimizer=dict(type='eva_mm.LARS', lr=30.0, momentum=0.9, weight_decay=0.0)
)
param_scheduler = dict(warmup_epochs=2)
train_cfg = dict(max_epochs=30, val_interval=10)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=30, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=20)
