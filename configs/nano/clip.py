"""Nano EVA-CLIP: digits and captions, from nano pre-training.

    python tools/train.py configs/nano/clip.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. Shrinks EVA-CLIP-g on
LAION-400M; the text tower starts from scratch and learns as fast as the rest, fp16 DeepSpeed becomes plain fp32, and
nothing is dropped.
"""

_base_ = ['../clip/eva-clip-g-p14_laion400m-224px.py', '../_base_/eva-nano.py']

digits = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
model = dict(
    embed_dim=64,
    visual=dict(**_base_.mim_backbone, img_size=84, drop_path_rate=0.0, patch_dropout=0.0, with_cp=False),
    text=dict(context_length=20, width=96, heads=4, layers=2, with_cp=False, init_cfg=None),
    zero_shot=dict(classes=digits, templates=('a photo of the digit {}', 'the number {}', 'a handwritten {}')),
)

train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    dataset=dict(
        data_root='data/nano/clip',
        shards='train-*.tar',
        shuffle_buffer=500,
        pipeline=[
            dict(type='eva_mm.PillowRandomResizedCrop', scale=84, crop_ratio_range=(0.9, 1.0)),
            dict(type='eva_mm.CLIPTokenize', context_length=20),
            dict(type='eva_mm.PackImageText'),
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
            dict(type='PackInputs'),
        ],
    ),
)
test_dataloader = val_dataloader

strategy = None
optim_wrapper = dict(
    type='OptimWrapper',
    clip_grad=dict(max_norm=5.0),
    optimizer=dict(lr=1e-3),
    paramwise_cfg=dict(towers={'visual.': dict(lr_mult=1.0), 'text.': dict(lr_mult=1.0, layer_decay_rate=1.0)}),
)
param_scheduler = dict(warmup_iters=25)
train_cfg = dict(max_iters=150, val_interval=150)
default_hooks = dict(logger=dict(interval=25), checkpoint=dict(interval=150, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=128)
