# What the four Kinetics recipes share. Numbers: configs/*.yaml, utils/config.py and datasets/ of the release's video folder.
_base_ = ['mmaction::_base_/default_runtime.py', '../../_base_/adamw_layer-decay.py']

model = dict(
    type='Recognizer3D',
    backbone=dict(type='eva_mm.EVAViTVideo', img_size=224, patch_size=14, tubelet_size=1, with_cp=True),
    cls_head=dict(type='eva_mm.EVAVideoHead', in_channels=1408, label_smooth_eps=0.1, average_clips='prob'),
    # ImageNet's mean and std, although the weights come from CLIP-normalised pre-training
    data_preprocessor=dict(
        type='ActionDataPreprocessor', mean=[123.675, 116.28, 103.53], std=[58.395, 57.12, 57.375], format_shape='NCTHW'
    ),
)

# the number of frames is that of the data set
train_pipeline = [
    dict(type='eva_mm.OpenVideo'),
    dict(type='eva_mm.SampleSegments', random=True),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='MultiScaleCrop', input_size=224, scales=(1, 0.875, 0.75, 0.66), max_wh_scale_gap=1),
    dict(type='Resize', scale=(224, 224), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.5),
    dict(type='eva_mm.ClipColorJitter', prob=0.8),
    dict(type='eva_mm.ClipGrayscale', prob=0.2),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
val_pipeline = [
    dict(type='eva_mm.OpenVideo'),
    dict(type='eva_mm.SampleSegments'),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 256)),
    dict(type='CenterCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
test_pipeline = [
    dict(type='eva_mm.OpenVideo'),
    dict(type='eva_mm.SampleSegments', num_clips=4),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 224)),
    dict(type='ThreeCrop', crop_size=224),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]

# lists, classes and row maps come from tools/dataset_converters/make_k722.py
dataset = dict(type='eva_mm.EVAVideoDataset', data_root='data', data_prefix=dict(video=''))
train_dataloader = dict(
    num_workers=8,
    persistent_workers=True,
    drop_last=True,
    sampler=dict(type='DefaultSampler', shuffle=True),
    dataset=dict(**dataset, pipeline=train_pipeline),
)
val_dataloader = dict(
    batch_size=2,
    num_workers=8,
    persistent_workers=True,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, pipeline=val_pipeline, test_mode=True),
)
# one video is 12 views
test_dataloader = dict(
    batch_size=1,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(**dataset, pipeline=test_pipeline, test_mode=True),
)
val_evaluator = dict(type='eva_mm.VideoAccuracy')
test_evaluator = val_evaluator

# the release trains with apex O1, that is fp16 where it is safe, without gradient clipping
optim_wrapper = dict(type='AmpOptimWrapper', optimizer=dict(betas=(0.9, 0.98), eps=1e-6))
auto_scale_lr = dict(enable=False, base_batch_size=256)
train_cfg = dict(type='EpochBasedTrainLoop', val_interval=1)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(interval=1, max_keep_ckpts=2))
randomness = dict(seed=1024, diff_rank_seed=True)
