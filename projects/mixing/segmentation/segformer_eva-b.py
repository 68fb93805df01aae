"""mmseg's SegFormer head on ADE20K over EVA-base: Feature2Pyramid makes the four strides that the head expects."""

_base_ = ['mmseg::segformer/segformer_mit-b0_8xb2-160k_ade20k-512x512.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViT',
        arch='base',
        img_size=512,
        patch_size=16,
        out_indices=(2, 5, 8, 11),
        out_type='featmap',
        drop_path_rate=0.1,
    ),
    neck=dict(type='Feature2Pyramid', embed_dim=768),
    decode_head=dict(in_channels=[768] * 4),
)

optim_wrapper = dict(constructor='eva_mm.LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(layer_decay_rate=0.9))
