"""EVA-g on LVIS v1, from the Objects365 detector: federated loss, repeat-factor sampling.

    python tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis.py 8

The release trains with batch 64 in all: batch_size is that of one of 64 GPUs. Published as eva_lvis: box AP 62.2, mask
AP 55.0 (rare classes 55.1 and 48.3) on val; evaluate with the config named 1536. Every number is of EVA-01/det,
projects/ViTDet/configs/LVIS/cascade_mask_rcnn_vitdet_eva.py, but for the gradient clipping of
_base_/schedule.py and the guard of losses; cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis_faithful.py is without them.
"""

_base_ = 'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py'

federated = dict(type='eva_mm.FederatedLoss', num_classes=1203, num_sampled=50)
model = dict(
    roi_head=dict(
        bbox_head=[dict(head, num_classes=1203, loss_cls=federated) for head in _base_.model.roi_head.bbox_head],
        mask_head=dict(num_classes=1203),
    ),
    test_cfg=dict(rcnn=dict(score_thr=0.02, max_per_img=300)),
)

lvis = dict(type='eva_mm.LVISFormatDataset', data_root='data/lvis_v1/', data_prefix=dict(img=''))
train_dataloader = dict(
    sampler=dict(_delete_=True, type='eva_mm.RepeatFactorSampler', repeat_thr=0.001),
    dataset=dict(lvis, ann_file='annotations/lvis_v1_train.json'),
)
val_dataloader = dict(dataset=dict(lvis, ann_file='annotations/lvis_v1_val.json'))
test_dataloader = dict(dataset=dict(lvis, ann_file='annotations/lvis_v1_val.json'))
val_evaluator = dict(
    _delete_=True,
    type='eva_mm.LVISMaxDetsMetric',
    ann_file='data/lvis_v1/annotations/lvis_v1_val.json',
    metric=['bbox', 'segm'],
    max_dets=300,
)
test_evaluator = val_evaluator

optim_wrapper = dict(optimizer=dict(lr=2e-4))
custom_hooks = [dict(type='eva_mm.ClassFrequencyHook')]
train_cfg = dict(max_iters=75001)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=251),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=75001, milestones=[70000, 75000], gamma=0.1),
]
