"""mmpretrain's recipe that trains ViT-base on ImageNet-1K from scratch, with EVA-base in its place."""

_base_ = ['mmpretrain::vision_transformer/vit-base-p16_32xb128-mae_in1k.py']

model = dict(backbone=dict(_delete_=True, type='eva_mm.EVAViT', arch='base', patch_size=16, drop_path_rate=0.1))
