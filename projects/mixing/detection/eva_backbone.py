# What every config here puts in place of ResNet-50 and its pyramid: EVA-B, window 16, every third block global.
eva_backbone = dict(
    _delete_=True,
    type='eva_mm.EVAViTDet',
    arch='base',
    img_size=224,
    patch_size=16,
    window_size=16,
    global_attn_indexes=(2, 5, 8, 11),
    rel_pos_img_size=1024,
    drop_path_rate=0.1,
    init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_base_psz14.pt'),
)
eva_pyramid = dict(type='eva_mm.SimpleFeaturePyramid', in_channels=768, out_channels=256)
eva_preprocessor = dict(pad_size_divisor=32)
eva_optim = dict(
    _delete_=True,
    type='OptimWrapper',
    clip_grad=dict(max_norm=35.0),
    optimizer=dict(type='AdamW', lr=1e-4, betas=(0.9, 0.999), weight_decay=0.1),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.7),
)
