"""EVA-g on Objects365 at 1024 pixels: the first half of the detection pre-training, from masked image modelling.

    python tools/dist_train.sh configs/detection/cascade-rcnn_eva-g-p16_lsj-1024_o365.py 8

Batch 128 in all: batch_size below is that of one of 128 GPUs. No result of this stage is published. The release has no
EVA-01 config for Objects365; the numbers are those of the leftover EVA-02/det, projects/ViTDet/configs/COCO/
o365_cascade_mask_rcnn_vitdet_1B_attn_1024.py. Its 320,000 iterations are inferred: the README's 380,000 less the second
stage's 60,000. Train and validation images are used, and there are no masks. The patch embedding is trained.
"""

_base_ = [
    '_base_/cascade-mask-rcnn_eva.py',
    '_base_/pipelines.py',
    '_base_/schedule.py',
    '../_base_/eva-giant.py',
    'mmdet::_base_/datasets/objects365v2_detection.py',
]

model = dict(
    data_preprocessor=dict(pad_size_divisor=1024, pad_mask=False),
    backbone=dict(
        **_base_.mim_backbone, rel_pos_img_size=1024, freeze_patch_embed=False, drop_path_rate=0.6, with_cp=True
    ),
    neck=dict(in_channels=1408),
    roi_head=dict(
        bbox_head=[dict(head, num_classes=365) for head in _base_.model.roi_head.bbox_head],
        mask_roi_extractor=None,
        mask_head=None,
    ),
)

o365 = dict(
    type='Objects365V2Dataset',
    data_root='data/Objects365/Obj365_v2/',
    filter_cfg=dict(filter_empty_gt=True, min_size=0),
    pipeline=_base_.pipelines.boxes_train_1024,
)
train_dataloader = dict(
    batch_size=1,
    sampler=dict(type='InfiniteSampler', shuffle=True),
    batch_sampler=None,
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            dict(o365, ann_file='annotations/zhiyuan_objv2_train.json', data_prefix=dict(img='train/')),
            dict(o365, ann_file='annotations/zhiyuan_objv2_val.json', data_prefix=dict(img='val/')),
        ],
    ),
)
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1024))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1024))
tta_pipeline = _base_.boxes_tta_pipeline

optim_wrapper = dict(optimizer=dict(lr=1e-4))
train_cfg = dict(max_iters=320000, val_interval=20000)
param_scheduler = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=15001)]
auto_scale_lr = dict(base_batch_size=128)
