"""EVA-02-B on LVIS v1 at 1024 pixels, from masked image modelling on ImageNet-21K.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_lvis.py 8   # on each of 16 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_lvis.py checkpoints/eva02_B_lvis_bsl.pth

Published: box AP 47.13 (rare 36.39), mask AP 41.36 (rare 32.22). Batch 128 in all: batch_size is that of one of 128 GPUs.
Numbers: EVA-02/det, eva2_mim_to_lvis/..._b_4attn_1024. LVIS starts from
ImageNet-21K alone: Merged-38M has images of COCO.
"""

_base_ = ['cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis.py', '_base_/eva02.py']

model = dict(
    init_cfg=None,
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        **_base_.eva02.backbone,
        arch='eva02-base',
        global_attn_indexes=(2, 5, 8, 11),
        drop_path_rate=0.1,
        with_cp=False,
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva02_B_pt_in21k_p14to16.pt'),
    ),
    neck=dict(in_channels=768),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.train_1024))
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1024))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1024))

optim_wrapper = dict(clip_grad=None, optimizer=dict(lr=1e-4), paramwise_cfg=dict(layer_decay_rate=0.7))
train_cfg = dict(max_iters=50000, val_interval=2500)
param_scheduler = _base_.eva02.schedule_50k
default_hooks = dict(checkpoint=dict(interval=2500))
