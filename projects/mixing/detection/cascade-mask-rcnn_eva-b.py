"""mmdet's own Cascade Mask R-CNN, one mask head per stage, with EVA-B.

python tools/train.py projects/mixing/detection/cascade-mask-rcnn_eva-b.py
"""

_base_ = ['mmdet::cascade_rcnn/cascade-mask-rcnn_r50_fpn_1x_coco.py', 'eva_backbone.py']

model = dict(
    data_preprocessor=_base_.eva_preprocessor,
    backbone=_base_.eva_backbone,
    neck=dict(_base_.eva_pyramid, _delete_=True),
)
optim_wrapper = _base_.eva_optim
