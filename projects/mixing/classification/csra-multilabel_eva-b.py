"""mmpretrain's CSRA recipe for several labels an image on VOC 2007, at 448 pixels, with EVA-base's map of patches."""

_base_ = ['mmpretrain::csra/resnet101-csra_1xb16_voc07-448px.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViT',
        arch='base',
        img_size=448,
        patch_size=16,
        out_type='featmap',
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_base_psz14.pt'),
    ),
    head=dict(in_channels=768),
)

# ours: SGD with the recipe's rate hardly moves a transformer
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=5e-5, weight_decay=0.05))
