"""EVA-g on COCO detection and instance segmentation, from the Objects365 detector.

    python tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py 8

The release trains with batch 64 in all: batch_size below is that of one of 64 GPUs. It publishes iteration 35,000 of
this run as eva_coco_det (box AP 64.2 on val2017 with soft suppression, no augmentation) and iteration 45,000 as
eva_coco_seg (mask AP 55.0 with maskness); evaluate with the configs named 1536. Every number is of EVA-01/det,
projects/ViTDet/configs/COCO/cascade_mask_rcnn_vitdet_eva.py, but for the gradient clipping and the guard of
_base_/schedule.py; cascade-mask-rcnn_eva-g-p16_lsj-1280_coco_faithful.py is without them.
"""

_base_ = [
    '_base_/cascade-mask-rcnn_eva.py',
    '_base_/pipelines.py',
    '_base_/schedule.py',
    'mmdet::_base_/datasets/coco_instance.py',
]

model = dict(
    init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_o365.pth'),
    backbone=dict(arch='giant', drop_path_rate=0.6, with_cp=True),
    neck=dict(in_channels=1408),
)

train_dataloader = dict(
    batch_size=1,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_sampler=None,
    dataset=dict(filter_cfg=dict(filter_empty_gt=True, min_size=0), pipeline=_base_.pipelines.train_1280),
)
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1280))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1280))

optim_wrapper = dict(optimizer=dict(lr=2.5e-5))
train_cfg = dict(max_iters=45000)
param_scheduler = [
    # one step longer than the warm-up: the factor reaches 1 at step 500, as released
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=501),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=45000, milestones=[40000, 44999], gamma=0.1),
]
auto_scale_lr = dict(base_batch_size=64)
val_evaluator = dict(classwise=True)
test_evaluator = dict(classwise=True)
