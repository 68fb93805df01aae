"""mmaction2's UniFormerV2 recipe with EVA-base, EVA's layer decay and two-frame tubelets."""

_base_ = ['mmaction::recognition/uniformerv2/uniformerv2-base-p16-res224_clip_8xb32-u8_kinetics400-rgb.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViTVideo',
        arch='base',
        num_frames=8,
        tubelet_size=2,
        patch_size=16,
        drop_path_rate=0.1,
    )
)

optim_wrapper = dict(constructor='eva_mm.LayerDecayOptimWrapperConstructor', paramwise_cfg=dict(layer_decay_rate=0.75))
