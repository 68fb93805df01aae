"""EVA-02-L with a wider UPerNet on ADE20K at 640 pixels, from masked image modelling on Merged-38M.

    bash tools/dist_train.sh configs/segmentation/upernet_eva02-l-p16_ade20k-640px.py 8
    python tools/test.py configs/segmentation/upernet_eva02-l-p16_ade20k-640px.py eva02_L_ade_seg_upernet_sz640.pth

Published: mIoU 60.05, aAcc 86.83, mAcc 72.17. Batch 16: 8 GPUs with 2 images each.
Numbers: the release's EVA-02/seg, configs/eva02/upernet.
"""

_base_ = ['upernet_eva02-l-p16_ade20k-512px.py']

crop_size = (640, 640)
data_preprocessor = dict(size=crop_size, test_cfg=dict(size=crop_size))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(img_size=640),
    decode_head=dict(channels=1536),
    auxiliary_head=dict(channels=1536),
    test_cfg=dict(crop_size=crop_size, stride=(426, 426)),
)
train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='RandomResize', scale=(2560, 640), ratio_range=(0.5, 2.0), keep_ratio=True),
    dict(type='RandomCrop', crop_size=crop_size, cat_max_ratio=0.75),
    dict(type='RandomFlip', prob=0.5),
    dict(type='PhotoMetricDistortion'),
    dict(type='PackSegInputs'),
]
test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='Resize', scale=(2560, 640), keep_ratio=True),
    dict(type='LoadAnnotations', reduce_zero_label=True),
    dict(type='PackSegInputs'),
]
tta_pipeline = _base_.tta_pipeline_640
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
