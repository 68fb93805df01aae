# EVA-CLIP-g, 1,136,435,841 parameters. Sizes: model_configs/EVA_CLIP_g_14.json of the release.
_base_ = ['../../_base_/clip_preprocessor.py']

model = dict(
    type='eva_mm.EVACLIP',
    embed_dim=1024,
    visual=dict(type='eva_mm.EVACLIPViT', arch='giant', img_size=224, patch_size=14),
    text=dict(type='eva_mm.CLIPTextTower', context_length=77, vocab_size=49408, width=768, heads=12, layers=12),
    zero_shot=dict(classes='imagenet', templates='imagenet'),
    data_preprocessor=dict(
        type='ImgDataPreprocessor',
        mean=_base_.clip_preprocessor.mean,
        std=_base_.clip_preprocessor.std,
        bgr_to_rgb=True,
    ),
)
