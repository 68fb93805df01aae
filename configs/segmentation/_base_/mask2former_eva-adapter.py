# What all Mask2Former configs with a ViT-Adapter share. Head, losses and matcher are mmseg's own; leaves set the sizes.
_base_ = ['mmseg::mask2former/mask2former_r50_8xb2-160k_ade20k-512x512.py', 'learning_rates.py']

model = dict(
    backbone=dict(_delete_=True, type='eva_mm.EVAViTAdapter', norm_cfg=dict(type='SyncBN'), with_cp=True),
    decode_head=dict(type='eva_mm.EVAMask2FormerHead', with_cp=True),
)

# fp32 and no gradient clipping in the release
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', betas=(0.9, 0.999), weight_decay=0.05),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=_base_.learning_rates,
)
