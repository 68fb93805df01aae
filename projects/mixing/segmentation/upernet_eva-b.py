"""mmseg's UPerNet recipe for BEiT-base on ADE20K with EVA-base in BEiT's place."""

_base_ = ['mmseg::beit/beit-base_upernet_8xb2-160k_ade20k-640x640.py']

model = dict(
    pretrained=None,
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViT',
        arch='base',
        img_size=640,
        patch_size=16,
        out_indices=(3, 5, 7, 11),
        out_type='featmap',
        drop_path_rate=0.1,
    ),
)

# mmseg's constructor looks for BEiT in the name of the class
optim_wrapper = dict(
    constructor='eva_mm.LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.9)
)
