"""The other way round: mmaction2's Video Swin-T in EVA's Kinetics-722 recipe, with its sampling, mixing and policy."""

_base_ = ['../../../configs/video/eva-g-p14_8f-224_k722.py']

model = dict(
    backbone=dict(
        _delete_=True,
        type='SwinTransformer3D',
        arch='tiny',
        pretrained=None,
        pretrained2d=False,
        patch_size=(2, 4, 4),
        window_size=(8, 7, 7),
        drop_path_rate=0.1,
    ),
    cls_head=dict(
        _delete_=True,
        type='I3DHead',
        in_channels=768,
        num_classes=722,
        spatial_type='avg',
        label_smooth_eps=0.1,
        average_clips='prob',
    ),
)
