"""Nano EVA-02 with Cascade Mask R-CNN: the COCO recipe of EVA-02-B shrunk to two minutes on a CPU core.

    python tools/train.py configs/nano/detection_eva02.py

Starts from configs/nano/pretrain_eva02.py, and shrinks as configs/nano/detection.py does.
"""

_base_ = ['../detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco.py', '_base_/detection.py']

num_classes = 10
rcnn = _base_.model.train_cfg.rcnn
small = dict(
    _base_.small_model.backbone,
    arch=dict(_delete_=True, name='eva02-base', embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=256),
    init_cfg=dict(type='Pretrained', checkpoint='work_dirs/quickstart/pretrain_eva02/epoch_8.pth'),
    global_attn_indexes=(3,),
    rel_pos_img_size=None,
)
model = dict(
    dict(_base_.small_model, backbone=small),
    roi_head=dict(
        bbox_roi_extractor=_base_.small_box_regions,
        bbox_head=[
            dict(head, num_classes=num_classes, **_base_.small_boxes) for head in _base_.model.roi_head.bbox_head
        ],
        mask_roi_extractor=_base_.small_regions,
        mask_head=dict(num_classes=num_classes, **_base_.small_masks),
    ),
    train_cfg=dict(
        rpn=_base_.small_rpn,
        rpn_proposal=_base_.small_proposals,
        rcnn=[dict(rcnn[0], sampler=dict(rcnn[0].sampler, num=_base_.sampled_regions)), *rcnn[1:]],
    ),
)

nano = dict(
    data_root='data/nano/coco/',
    metainfo=dict(classes=('zero', 'one', 'two', 'three', 'four', 'five', 'six', 'seven', 'eight', 'nine')),
)
test = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=_base_.small_test_pipeline))
train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(nano, pipeline=_base_.small_train_pipeline))
val_dataloader = test
test_dataloader = test
val_evaluator = dict(ann_file='data/nano/coco/annotations/instances_val2017.json')
test_evaluator = dict(ann_file='data/nano/coco/annotations/instances_val2017.json')
tta_pipeline = _base_.small_tta_pipeline

optim_wrapper = _base_.small_optim
train_cfg = dict(max_iters=300, val_interval=300)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=31),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=300, milestones=[240, 285], gamma=0.1),
]
default_hooks = dict(logger=dict(interval=20), checkpoint=dict(interval=300, max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=8)
