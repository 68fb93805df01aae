"""Nano EVA with ViT-Adapter and Mask2Former: the ADE20K recipe of EVA-g shrunk to about a minute on two CPU cores.

    python tools/train.py configs/nano/segmentation.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. The classes are the nano
set's, the rest of the head starts afresh (there is no nano COCO-Stuff), SyncBN becomes BN.
"""

_base_ = [
    '../segmentation/mask2former_eva-g-p16-adapter_ade20k-896px.py',
    '../_base_/eva-nano.py',
]

crop_size = (96, 96)
num_classes = 10
head_dims, head_heads, head_ffn = 64, 4, 128

data_preprocessor = dict(size=crop_size, test_cfg=dict(size=crop_size))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        **_base_.mim_backbone,
        img_size=96,
        drop_path_rate=0.1,
        prior_channels=16,
        deform_num_heads=4,
        norm_cfg=dict(type='BN'),
        with_cp=False,
    ),
    decode_head=dict(
        num_classes=num_classes,
        in_channels=[96] * 4,
        feat_channels=head_dims,
        out_channels=head_dims,
        num_queries=20,
        with_cp=False,
        loss_cls=dict(class_weight=[1.0] * num_classes + [0.1]),
        pixel_decoder=dict(
            norm_cfg=dict(num_groups=8),
            encoder=dict(
                num_layers=1,
                layer_cfg=dict(
                    self_attn_cfg=dict(embed_dims=head_dims, num_heads=head_heads),
                    ffn_cfg=dict(embed_dims=head_dims, feedforward_channels=head_ffn),
                ),
            ),
            positional_encoding=dict(num_feats=head_dims // 2),
        ),
        positional_encoding=dict(num_feats=head_dims // 2),
        transformer_decoder=dict(
            num_layers=3,
            layer_cfg=dict(
                self_attn_cfg=dict(embed_dims=head_dims, num_heads=head_heads),
                cross_attn_cfg=dict(embed_dims=head_dims, num_heads=head_heads),
                ffn_cfg=dict(embed_dims=head_dims, feedforward_channels=head_ffn),
            ),
        ),
        train_cfg=dict(num_points=576),
    ),
    test_cfg=dict(crop_size=crop_size, stride=(64, 64)),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(384, 96), ratio_range=(0.75, 1.5), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.98),  # most of an image is background
    dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(384, 96), keep_ratio=True),
    dict(type='ResizeToMultiple', size_divisor=32),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='Resize', scale=(4 * side, side), keep_ratio=True) for side in (80, 112, 144)],
            [dict(type='ResizeToMultiple', size_divisor=32)],
            [dict(type='RandomFlip', prob=prob, direction='horizontal') for prob in (0.0, 1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
_classes = ('zero', 'one', 'two', 'three', 'four', 'palace', 'trees', 'flower', 'leaves', 'officer')
_dataset = dict(
    type='BaseSegDataset',
    data_root='data/nano/ade',
    reduce_zero_label=True,
    metainfo=dict(classes=_classes, palette=[[25 * i, 255 - 25 * i, 40 * (i % 6)] for i in range(num_classes)]),
)
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**_dataset, pipeline=train_pipeline))
val_dataloader = dict(num_workers=1, dataset=dict(**_dataset, pipeline=test_pipeline))
test_dataloader = val_dataloader

load_from = None
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=0.9))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=21, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=161, by_epoch=False),
]
train_cfg = dict(max_iters=160, val_interval=160)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(interval=160, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=8)
