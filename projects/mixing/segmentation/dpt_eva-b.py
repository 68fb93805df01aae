"""mmseg's DPT recipe on ADE20K over EVA-base, whose class token is projected into each map."""

_base_ = ['mmseg::dpt/dpt_vit-b16_8xb2-160k_ade20k-512x512.py']

custom_imports = dict(imports='projects.mixing.segmentation.class_token')

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViTWithClassToken',
        arch='base',
        img_size=512,
        patch_size=16,
        out_indices=(2, 5, 8, 11),
    ),
)

optim_wrapper = dict(
    constructor='eva_mm.LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.9)
)
