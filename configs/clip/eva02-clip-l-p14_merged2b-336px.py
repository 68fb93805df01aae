"""EVA02_CLIP_L_336_psz14_s6B: EVA02_CLIP_L_psz14_s4B, trained on at 336 pixels.

    bash tools/dist_train.sh configs/clip/eva02-clip-l-p14_merged2b-336px.py 8   # on each of 16 nodes
    python tools/test.py configs/clip/eva02-clip-l-p14_merged2b-336px.py EVA02_CLIP_L_336_psz14_s6B.pt

Published: 80.4 zero-shot top-1 on ImageNet-1K, 71.7 text-to-image R@5 on COCO; 128 GPUs with 480 pairs each. 50 times 40
million pairs, each 656 iterations after open_clip's rounding. Numbers and what differs: as
eva02-clip-b-p16_merged2b-224px.py. Both towers start from the model at 224 pixels, whose positions are resized.
"""

_base_ = ['eva02-clip-l-p14_merged2b-224px.py']

load_from = 'checkpoints/EVA02_CLIP_L_psz14_s4B.pt'
model = dict(visual=dict(img_size=336, init_cfg=None), text=dict(init_cfg=None))
test_pipeline = [
    dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation'),
    dict(type='ResizeEdge', scale=336, edge='short', backend='pillow', interpolation='bicubic'),
    dict(type='CenterCrop', crop_size=336),
    dict(type='PackInputs'),
]
train_dataloader = dict(
    batch_size=480,
    dataset=dict(
        pipeline=[
            dict(type='eva_mm.PillowRandomResizedCrop', scale=336, crop_ratio_range=(0.9, 1.0)),
            dict(type='eva_mm.CLIPTokenize', context_length=77),
            dict(type='eva_mm.PackImageText'),
        ]
    ),
)
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(
    paramwise_cfg=dict(towers={'visual.': dict(layer_decay_rate=0.75), 'text.': dict(layer_decay_rate=0.65)})
)
train_cfg = dict(max_iters=32800, val_interval=656)
default_hooks = dict(checkpoint=dict(interval=656))
