"""mmpretrain's fine-tuning recipe of BEiT on ImageNet-1K with EVA-base: mean-pooled patches, layer decay."""

_base_ = ['mmpretrain::beit/benchmarks/beit-base-p16_8xb128-coslr-100e_in1k.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViT',
        arch='base',
        patch_size=16,
        out_type='avg_featmap',
        drop_path_rate=0.1,
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_base_psz14.pt'),
    )
)

# EVA names its parameters otherwise than BEiT, so the keys of the recipe would match nothing
optim_wrapper = dict(
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.65, flat_decay_mult=0.0),
)
