"""EVA-g: masked image modelling against OpenAI's CLIP-L on 30 million images.

    bash tools/dist_train.sh configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py 8   # on each of 16 nodes

Published: 128 A100-40GB, 150 epochs in about 14.5 days; training loss -0.6578 (epoch 0) to -0.7490 (epoch 149), loss
on ImageNet-1K validation images with every even patch hidden -0.6904 to -0.7769.
Numbers: the release's README and arguments of run_eva_pretraining.py, checked against its log. 105 hidden patches of 256
are what the paper calls 40 %. The release's --warmup_lr has no effect: warm-up starts at 0.
The release's log has 7242 steps of 4096 images an epoch. It read one ImageFolder of six folders with Pillow, ignored EXIF
rotation, and put a random image in the place of a broken one. Each source is a folder of images, tar shards or zip files
below data_root, or a link to one; index them first:

    python tools/dataset_converters/make_merged_index.py configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py --decode
"""

_base_ = [
    '../_base_/long_run.py',
    '../_base_/clip_preprocessor.py',
    '../_base_/adamw_layer-decay.py',
    '../_base_/deepspeed_fp16_zero1.py',
]

model = dict(
    type='eva_mm.EVAMIM',
    data_preprocessor=dict(type='SelfSupDataPreprocessor', **_base_.clip_preprocessor),
    backbone=dict(type='eva_mm.EVAPretrainViT', arch='giant', img_size=224, patch_size=14, drop_path_rate=0.1),
    head=dict(type='eva_mm.MaskedFeatureHead', embed_dims=1408, out_channels=768),
    target_generator=dict(type='eva_mm.CLIPTeacher', model='ViT-L-14-quickgelu', pretrained='openai'),
)

train_dataloader = dict(
    batch_size=32,
    num_workers=10,
    persistent_workers=True,
    sampler=dict(type='eva_mm.LeanSampler', shuffle=True),
    collate_fn=dict(type='default_collate'),
    drop_last=True,
    dataset=dict(
        type='eva_mm.MergedImages',
        data_root='data/merged30m',
        index='index',
        # ImageNet-21K, ADE20K train, CC12M, CC3M, COCO train2017 and Objects365
        sources=dict(in21k='in21k', ade20k='ade20k', cc12m='cc12m', cc3m='cc3m', coco='coco', o365='o365'),
        pipeline=[
            dict(type='RandomFlip', prob=0.5),
            dict(type='eva_mm.PillowRandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
            dict(type='eva_mm.BlockwiseMask', grid_size=16, num_masked=105),
            dict(type='PackInputs'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=48,
    num_workers=10,
    sampler=dict(type='DefaultSampler', shuffle=False),
    collate_fn=dict(type='default_collate'),
    dataset=dict(
        type='ImageNet',
        data_root='data/imagenet',
        split='val',
        pipeline=[
            dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation'),
            dict(type='ResizeEdge', scale=256, edge='short', backend='pillow', interpolation='bicubic'),
            dict(type='CenterCrop', crop_size=224),
            dict(type='eva_mm.EvenPatchMask', grid_size=16),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='eva_mm.MIMLoss')

optim_wrapper = dict(type='DeepSpeedOptimWrapper', optimizer=dict(lr=1e-3, betas=(0.9, 0.98), eps=1e-6))
strategy = dict(gradient_clipping=3.0)
param_scheduler = dict(
    type='eva_mm.EVACosineLR', warmup_epochs=2, eta_min_ratio=1e-2, by_epoch=True, convert_to_iter_based=True
)
train_cfg = dict(max_epochs=150, val_interval=1)
# about every 20 minutes at the published speed
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=1000, max_keep_ckpts=3))
val_cfg = dict()
auto_scale_lr = dict(base_batch_size=4096)
