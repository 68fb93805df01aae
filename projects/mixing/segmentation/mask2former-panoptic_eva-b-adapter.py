"""mmdet's panoptic Mask2Former recipe on COCO over EVA-base with a ViT-Adapter."""

_base_ = ['mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco-panoptic.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViTAdapter',
        arch='base',
        img_size=1024,
        deform_num_heads=12,
        drop_path_rate=0.2,
        with_cp=True,
    ),
    panoptic_head=dict(in_channels=[768] * 4),
)

optim_wrapper = dict(
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(_delete_=True, layer_decay_rate=0.9, norm_decay_mult=0.0),
)
