"""Nano EVA-02-CLIP: digits and captions, from nano pre-training.

    python tools/train.py configs/nano/clip_eva02.py

Starts from configs/nano/pretrain_eva02.py, and shrinks EVA-02-CLIP-B on Merged-2B as configs/nano/clip.py does EVA-CLIP-g,
with LAMB.
"""

_base_ = ['../clip/eva02-clip-b-p16_merged2b-224px.py', '../_base_/eva02-nano.py']

digits = ('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')
model = dict(
    embed_dim=64,
    visual=dict(**_base_.mim_backbone, img_size=84, patch_size=14, with_cp=False),
    text=dict(context_length=20, width=96, heads=4, layers=2, with_cp=False, init_cfg=None),
    zero_shot=dict(classes=digits, templates=('a photo of the digit {}', 'the number {}', 'a handwritten {}')),
)

train_dataloader = dict(
    batch_size=128,
    num_workers=1,
    dataset=dict(
        data_root='data/nano/clip',
        shards=['train-*.tar'],
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
wrapper = dict(_base_.optim_wrapper, type='OptimWrapper')
optim_wrapper = dict(
    {key: each for key, each in wrapper.items() if key != 'loss_scale'},
    _delete_=True,
    optimizer=dict(_base_.optim_wrapper.optimizer, lr=1e-2),
    paramwise_cfg=dict(
        _base_.optim_wrapper.paramwise_cfg,
        towers={'visual.': dict(layer_decay_rate=0.75), 'text.': dict(), 'text.logit_scale': dict()},
    ),
)
param_scheduler = dict(warmup_iters=25)
train_cfg = dict(max_iters=150, val_interval=150)
default_hooks = dict(logger=dict(interval=25), checkpoint=dict(interval=150, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=128)
