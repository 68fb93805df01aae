# What the zero-shot configs for images share: 224 pixels, bicubic, centre crop, as in OpenAI's CLIP.
_base_ = ['mmpretrain::_base_/default_runtime.py', 'eva-clip-g.py']

load_image = dict(type='LoadImageFromFile')
resize = [
    dict(type='ResizeEdge', scale=224, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
]
test_dataloader = dict(
    batch_size=128,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=[load_image, *resize, dict(type='PackInputs')]))
test_evaluator = dict(type='eva_mm.ZeroShotAccuracy')
test_cfg = dict()
