"""Nano EVA-02: the ImageNet-1K fine-tuning of EVA-02-B shrunk to 200 labelled images and half a minute on two CPU cores.

    python tools/train.py configs/nano/classification_eva02.py

Starts from configs/nano/pretrain_eva02.py, and shrinks as configs/nano/classification.py does.
"""

_base_ = ['../classification/eva02-b-p14_mim-in21k_in1k-448px.py', '../_base_/eva02-nano.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].update(scale=84, crop_ratio_range=(0.7, 1.0))
train_pipeline[2].prob = 0.0  # a mirrored digit is another sign
train_pipeline[3].update(magnitude=2, prob=0.2)
test_pipeline[1].scale = test_pipeline[2].crop_size = 84

model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(img_size=84, drop_path_rate=0.0, with_cp=False, **_base_.mim_backbone),
    head=dict(num_classes=10, in_channels=96, loss=dict(label_smooth_val=0.1)),
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

strategy = None
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=2e-3))
param_scheduler = dict(warmup_epochs=3)
custom_hooks = [dict(type='eva_mm.FP32EMAHook', momentum=2e-2)]
train_cfg = dict(max_epochs=30, val_interval=10)
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=5, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=20)
