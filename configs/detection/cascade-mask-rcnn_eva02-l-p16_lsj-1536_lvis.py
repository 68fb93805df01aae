"""EVA-02-L on LVIS v1 at 1536 pixels, from masked image modelling on ImageNet-21K.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_lvis.py 8   # on each of 16 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_lvis.py checkpoints/eva02_L_lvis_sys.pth

Published: box AP 60.05 (rare 53.13), mask AP 53.51 (rare 47.59). Batch 128 in all: batch_size is that of one of 128 GPUs.
Numbers: EVA-02/det, eva2_mim_to_lvis/..._l_8attn_win32_1536.
"""

_base_ = 'cascade-mask-rcnn_eva02-l-p16_lsj-1024_lvis.py'

model = dict(
    data_preprocessor=dict(pad_size_divisor=1536),
    backbone=dict(window_size=32, global_attn_indexes=(2, 5, 8, 11, 14, 17, 20, 23), with_cp=True),
    test_cfg=dict(rcnn=dict(nms=_base_.eva02.soft_nms, max_per_img=-1, maskness_thr=0.5)),
)
train_dataloader = dict(dataset=dict(pipeline=_base_.eva02.train_1536))
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
