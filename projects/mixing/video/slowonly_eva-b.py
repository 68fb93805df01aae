"""mmaction2's SlowOnly recipe on Kinetics-400 with EVA-base: I3DHead pools EVA's map of tubelets."""

_base_ = ['mmaction::recognition/slowonly/slowonly_r50_8xb16-4x16x1-256e_kinetics400-rgb.py']

model = dict(
    backbone=dict(
        _delete_=True, type='eva_mm.EVAViTVideo', arch='base', num_frames=4, patch_size=16, out_type='featmap'
    ),
    cls_head=dict(in_channels=768),
)
