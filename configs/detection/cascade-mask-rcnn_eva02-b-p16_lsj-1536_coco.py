"""EVA-02-B on COCO at 1536 pixels, from masked image modelling on ImageNet-21K; its box evaluation.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-b-p16_lsj-1536_coco.py 8   # on each of 16 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-b-p16_lsj-1536_coco.py checkpoints/eva02_B_coco_sys.pth

Published: box AP 58.93; mask AP 50.69 with cascade-mask-rcnn_eva02-b-p16_lsj-1536_coco_mask.py. Batch 128 in all:
batch_size is that of one of 128 GPUs.
Numbers: EVA-02/det, eva2_mim_to_coco/..._b_6attn_win32_1536_lrd0p7.
"""

_base_ = 'cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco.py'

model = dict(
    data_preprocessor=dict(pad_size_divisor=1536),
    backbone=dict(window_size=32, global_attn_indexes=(1, 3, 5, 7, 9, 11)),
    test_cfg=dict(rcnn=dict(score_thr=0.0, nms=_base_.eva02.soft_nms, max_per_img=-1)),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.eva02.train_1536))
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
