# EVA-g at 896 x 896, ADE20K: sizes, pipelines and evaluation that the four released recipes share.
# Source: the release's configs/_base_/models/mask2former_beit*.py and its ADE20K and COCO-Stuff configs.
_base_ = ['mask2former_eva-adapter.py']

crop_size = (896, 896)
head_size = dict(dims=1024, heads=32, ffn_dims=4096)

# windows are 896 x 896 whatever the image: a shorter side is padded with black, before normalisation
data_preprocessor = dict(
    type='eva_mm.BlackPadSegPreProcessor', size=crop_size, test_cfg=dict(_delete_=True, size=crop_size)
)
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        arch='giant',
        img_size=896,
        drop_path_rate=0.5,
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_psz14to16.pt'),
    ),
    decode_head=dict(
        in_channels=[1408] * 4,
        feat_channels=head_size['dims'],
        out_channels=head_size['dims'],
        num_queries=200,
        pixel_decoder=dict(
            encoder=dict(
                num_layers=6,
                layer_cfg=dict(
                    self_attn_cfg=dict(embed_dims=head_size['dims'], num_heads=head_size['heads']),
                    ffn_cfg=dict(embed_dims=head_size['dims'], feedforward_channels=head_size['ffn_dims']),
                ),
            ),
            positional_encoding=dict(num_feats=head_size['dims'] // 2),
        ),
        positional_encoding=dict(num_feats=head_size['dims'] // 2),
        transformer_decoder=dict(
            num_layers=8,
            layer_cfg=dict(
                self_attn_cfg=dict(embed_dims=head_size['dims'], num_heads=head_size['heads']),
                cross_attn_cfg=dict(embed_dims=head_size['dims'], num_heads=head_size['heads']),
                ffn_cfg=dict(embed_dims=head_size['dims'], feedforward_channels=head_size['ffn_dims']),
            ),
        ),
    ),
    test_cfg=dict(mode='slide', crop_size=crop_size, stride=(512, 512)),
)

train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations'),
    dict(type='RandomResize', scale=(3584, 896), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(3584, 896), keep_ratio=True),
    dict(type='ResizeToMultiple', size_divisor=32),
    dict(type='LoadAnnotations'),
    dict(type='PackSegInputs'),
]
# seven scales, each mirrored too; the preprocessor pads a short side below 896, after the mirroring
tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [
                dict(type='Resize', scale=(4 * side, side), keep_ratio=True)
                for side in (512, 640, 768, 896, 1024, 1152, 1280)
            ],
            [dict(type='ResizeToMultiple', size_divisor=32)],
            [dict(type='RandomFlip', prob=prob, direction='horizontal') for prob in (0.0, 1.0)],
            [dict(type='LoadAnnotations')],
            [dict(type='PackSegInputs')],
        ],
    ),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
