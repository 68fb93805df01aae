# ImageNet-1K at 336 pixels as the release augments and evaluates it. Pixels are as Pillow decodes them, not turned by
# their EXIF tag.
load_image = dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation')
train_pipeline = [
    load_image,
    dict(type='eva_mm.PillowRandomResizedCrop', scale=336),
    dict(type='RandomFlip', prob=0.5),
    # rand-m9-mstd0.5-inc1
    dict(type='eva_mm.PillowRandAugment', magnitude=9, magnitude_std=0.5),
    dict(type='PackInputs'),
]
test_pipeline = [
    load_image,
    dict(type='ResizeEdge', scale=336, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=336),
    dict(type='PackInputs'),
]
loader = dict(num_workers=10, persistent_workers=True, collate_fn=dict(type='default_collate'))
train_dataloader = dict(
    batch_size=16,
    sampler=dict(type='DefaultSampler', shuffle=True),
    drop_last=True,
    dataset=dict(type='ImageNet', data_root='data/imagenet', split='train', pipeline=train_pipeline),
    **loader,
)
val_dataloader = dict(
    batch_size=24,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(type='ImageNet', data_root='data/imagenet', split='val', pipeline=test_pipeline),
    **loader,
)
test_dataloader = val_dataloader
val_evaluator = test_evaluator = dict(type='Accuracy', topk=(1, 5))
auto_scale_lr = dict(base_batch_size=512)
