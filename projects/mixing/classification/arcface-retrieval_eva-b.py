"""mmpretrain's ArcFace retrieval on In-shop Clothes with EVA-base: its class token is the embedding."""

_base_ = ['mmpretrain::arcface/resnet50-arcface_8xb32_inshop.py']

model = dict(
    # a list in a config is replaced as a whole: no pooling is needed behind a class token
    image_encoder=[
        dict(
            type='eva_mm.EVAViT',
            arch='base',
            img_size=448,
            patch_size=16,
            init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_base_psz14.pt'),
        )
    ],
    head=dict(in_channels=768),
)

# ours: the recipe has SGD for a ResNet
optim_wrapper = dict(optimizer=dict(_delete_=True, type='AdamW', lr=5e-5, weight_decay=0.05))
