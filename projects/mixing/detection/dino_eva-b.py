"""mmdet's DINO with four scales and EVA-B.

python tools/train.py projects/mixing/detection/dino_eva-b.py
"""

_base_ = ['mmdet::dino/dino-4scale_r50_8xb2-12e_coco.py', 'eva_backbone.py']

model = dict(
    data_preprocessor=dict(pad_size_divisor=32),
    backbone=_base_.eva_backbone,
    neck=dict(_base_.eva_pyramid, _delete_=True, levels=(3, 4, 5, 6)),
)
optim_wrapper = dict(_base_.eva_optim, clip_grad=dict(max_norm=0.1))
