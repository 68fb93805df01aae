"""mmdet's RetinaNet with EVA-B: `python tools/train.py projects/mixing/detection/retinanet_eva-b.py`."""

_base_ = ['mmdet::retinanet/retinanet_r50_fpn_1x_coco.py', 'eva_backbone.py']

model = dict(
    data_preprocessor=_base_.eva_preprocessor,
    backbone=_base_.eva_backbone,
    neck=dict(_base_.eva_pyramid, _delete_=True, levels=(3, 4, 5, 6, 7)),
)
optim_wrapper = _base_.eva_optim
