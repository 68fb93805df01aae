# What the zero-shot configs for images share: 224 pixels, Pillow's bicubic filter, centre crop, as in OpenAI's CLIP; pixels
# as Pillow decodes them, not turned by their EXIF tag, as torchvision's data sets and so the release have them.
_base_ = ['mmpretrain::_base_/default_runtime.py', 'eva-clip-g.py']

load_image = dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation')
resize = [
    dict(type='ResizeEdge', scale=224, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=224),
]
test_dataloader = dict(
    batch_size=128,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(pipeline=[load_image, *resize, dict(type='PackInputs')]),
)
test_evaluator = dict(type='eva_mm.ZeroShotAccuracy')
test_cfg = dict()
