"""mmpretrain's MoCo v3 with EVA-base: another way to pre-train the same backbone, with no teacher.

The recipe keeps the patch embedding as it was initialised; so does `patch_grad_scale=0`.
"""

_base_ = ['mmpretrain::mocov3/mocov3_vit-base-p16_16xb256-amp-coslr-300e_in1k.py']

model = dict(backbone=dict(_delete_=True, type='eva_mm.EVAViT', arch='base', patch_size=16, patch_grad_scale=0.0))
