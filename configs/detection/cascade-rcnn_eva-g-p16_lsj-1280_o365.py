"""EVA-g on Objects365 at 1280 pixels, from the 1024 stage: what COCO and LVIS start from.

    python tools/dist_train.sh configs/detection/cascade-rcnn_eva-g-p16_lsj-1280_o365.py 8

Batch 128 in all. Published as eva_o365, without a result. The numbers are those of the leftover EVA-02/det,
projects/ViTDet/configs/COCO/o365_cascade_mask_rcnn_vitdet_1B_attn_1024to1280.py; the 60,000 iterations are inferred, see
the 1024 stage. Relative tables and positions of the 1024 model are resized as it is loaded.
"""

_base_ = 'cascade-rcnn_eva-g-p16_lsj-1024_o365.py'

model = dict(
    init_cfg=dict(type='Pretrained', checkpoint='work_dirs/cascade-rcnn_eva-g-p16_lsj-1024_o365/iter_320000.pth'),
    data_preprocessor=dict(pad_size_divisor=1280),
    backbone=dict(rel_pos_img_size=1280, init_cfg=None),
)

train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(part, pipeline=_base_.pipelines.boxes_train_1280) for part in _base_.train_dataloader.dataset.datasets
        ]
    )
)
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1280))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1280))

train_cfg = dict(max_iters=60000)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=5001),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=60000, milestones=[45000], gamma=0.1),
]
