"""mmdet's Faster R-CNN with EVA-B: `python tools/train.py projects/mixing/detection/faster-rcnn_eva-b.py`."""

_base_ = ['mmdet::faster_rcnn/faster-rcnn_r50_fpn_1x_coco.py', 'eva_backbone.py']

model = dict(
    data_preprocessor=_base_.eva_preprocessor,
    backbone=_base_.eva_backbone,
    neck=dict(_base_.eva_pyramid, _delete_=True),
)
optim_wrapper = _base_.eva_optim
