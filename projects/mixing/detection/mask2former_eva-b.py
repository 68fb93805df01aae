"""mmdet's Mask2Former for instances with EVA-B.

python tools/train.py projects/mixing/detection/mask2former_eva-b.py
"""

_base_ = ['mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py', 'eva_backbone.py']

model = dict(
    backbone=_base_.eva_backbone,
    neck=dict(_base_.eva_pyramid, levels=(2, 3, 4, 5)),
    panoptic_head=dict(in_channels=[256, 256, 256, 256]),
)
optim_wrapper = dict(_base_.eva_optim, clip_grad=dict(max_norm=0.01))
