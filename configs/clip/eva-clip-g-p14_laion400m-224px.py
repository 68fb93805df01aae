"""EVA-CLIP-g: contrastive training on LAION-400M from masked image modelling.

    bash tools/dist_train.sh configs/clip/eva-clip-g-p14_laion400m-224px.py 8   # on each of 32 nodes

Published: 256 A100-40GB, batch 41k, 11 billion samples seen, fp16 through DeepSpeed ZeRO-1; 78.5 zero-shot top-1 on
ImageNet-1K (release, clip/README.md and its training report). AdamW's betas and epsilon, gradient clipping at 5 and the
window of the loss scale: the release's deleted clip/deepspeed_config.json. Drop path 0.4, no patches dropped:
EVA_CLIP_g_14.json.
Unknown, and taken from the nearest published recipe, EVA01_CLIP_g_14_plus in EVA-CLIP/README.md of the same repository,
which trains with LAMB and batch 114,688: learning rates, weight decay, layer decay, warm-up, crops.
"""

_base_ = [
    'mmpretrain::_base_/default_runtime.py',
    '_base_/eva-clip-g.py',
    '../_base_/deepspeed_fp16_zero1.py',
]

model = dict(
    visual=dict(
        drop_path_rate=0.4, with_cp=True, init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_psz14.pt')
    ),
    text=dict(with_cp=True, init_cfg=dict(type='Pretrained', checkpoint='checkpoints/ViT-L-14.pt')),
)
train_dataloader = dict(
    batch_size=160,
    num_workers=6,
    sampler=None,
    dataset=dict(
        type='eva_mm.ImageTextShards',
        data_root='data/laion400m',
        shards='*.tar',
        shuffle_buffer=2000,
        pipeline=[
            dict(type='eva_mm.PillowRandomResizedCrop', scale=224, crop_ratio_range=(0.9, 1.0)),
            dict(type='eva_mm.CLIPTokenize', context_length=77),
            dict(type='eva_mm.PackImageText'),
        ],
    ),
)
val_dataloader = dict(
    batch_size=128,
    num_workers=6,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='ImageNet',
        data_root='data/imagenet',
        split='val',
        pipeline=[
            dict(type='LoadImageFromFile', imdecode_backend='pillow', color_type='color_ignore_orientation'),
            dict(type='ResizeEdge', scale=224, edge='short', backend='pillow', interpolation='bicubic'),
            dict(type='CenterCrop', crop_size=224),
            dict(type='PackInputs'),
        ],
    ),
)
val_evaluator = dict(type='eva_mm.ZeroShotAccuracy')
test_dataloader = val_dataloader
test_evaluator = val_evaluator

optim_wrapper = dict(
    type='DeepSpeedOptimWrapper',
    optimizer=dict(type='AdamW', lr=5e-4, betas=(0.9, 0.98), eps=1e-6, weight_decay=0.05),
    constructor='eva_mm.TowerOptimWrapperConstructor',
    paramwise_cfg=dict(
        towers={
            'visual.': dict(lr_mult=0.8, layer_decay_rate=0.85),
            'text.': dict(lr_mult=0.08, layer_decay_rate=0.75),
            'text.logit_scale': dict(),
        },
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={
            '.pos_embed': dict(decay_mult=0.0),
            '.cls_token': dict(decay_mult=0.0),
            '.positional_embedding': dict(decay_mult=0.0),
            '.logit_scale': dict(decay_mult=0.0),
        },
    ),
)
strategy = dict(gradient_clipping=5.0, fp16=dict(loss_scale_window=1000))
# open_clip's schedule: its first value is 1 / 2000 of the rate
param_scheduler = dict(type='eva_mm.EVACosineLR', warmup_iters=2000, ramp='to_base', by_epoch=False)
# 11 billion samples in batches of 256 x 160; what the release calls an epoch is a tenth of LAION-400M, 977 iterations
train_cfg = dict(type='eva_mm.StreamTrainLoop', max_iters=268555, val_interval=9770)
val_cfg = dict()
test_cfg = dict()
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(by_epoch=False, interval=977, max_keep_ckpts=3))
log_processor = dict(by_epoch=False)
auto_scale_lr = dict(base_batch_size=40960)
