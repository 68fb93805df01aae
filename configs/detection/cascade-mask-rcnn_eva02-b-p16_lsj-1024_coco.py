"""EVA-02-B on COCO at 1024 pixels, from masked image modelling on ImageNet-21K.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco.py 8   # on each of 16 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco.py checkpoints/eva02_B_coco_bsl.pth

Published: box AP 55.50, mask AP 47.08. Batch 128 in all: batch_size is that of one of 128 GPUs.
Numbers: EVA-02/det, eva2_mim_to_coco/..._b_4attn_1024_lrd0p7. Detector, data and
precision are EVA-g's.
"""

_base_ = ['cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py', '_base_/eva02.py']

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
# as COCO counts them; mmdet's default counts 1000 detections per image in all but the first number
val_evaluator = dict(proposal_nums=(1, 10, 100))
test_evaluator = dict(proposal_nums=(1, 10, 100))

optim_wrapper = dict(clip_grad=None, optimizer=dict(lr=5e-5), paramwise_cfg=dict(layer_decay_rate=0.7))
train_cfg = dict(max_iters=60000)
param_scheduler = _base_.eva02.schedule_60k
