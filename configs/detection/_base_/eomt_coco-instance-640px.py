# EoMT on COCO instances. Leaves set the trunk.
_base_ = ['mmdet::mask2former/mask2former_r50_8xb2-lsj-50e_coco.py', 'eomt_coco-640px.py']

data_preprocessor = dict(**_base_.preprocessor, batch_augments=[dict(_base_.square, pad_seg=False)])
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=_base_.eomt_model.backbone,
    panoptic_head=dict(_base_.eomt_model.panoptic_head, num_things_classes=80, num_stuff_classes=0),
)
train_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='RandomFlip', prob=0.5),
    _base_.jitter,
    _base_.crop,
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-5, 1e-5), by_mask=True),
    dict(type='PackDetInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile', to_float32=True),
    _base_.fit,
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=_base_.meta_keys),
]
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = _base_.eomt_optim
param_scheduler = _base_.schedule
train_cfg = dict(max_iters=_base_.iterations, dynamic_intervals=None)
custom_hooks = _base_.eomt_hooks
