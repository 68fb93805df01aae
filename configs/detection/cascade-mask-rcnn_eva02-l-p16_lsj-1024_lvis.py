"""EVA-02-L on LVIS v1 at 1024 pixels, from masked image modelling on ImageNet-21K.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1024_lvis.py 8   # on each of 16 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1024_lvis.py checkpoints/eva02_L_lvis_bsl.pth

Published: box AP 55.29 (rare 50.63), mask AP 48.60 (rare 45.54). Batch 128 in all: batch_size is that of one of 128 GPUs.
Numbers: EVA-02/det, eva2_mim_to_lvis/..._l_4attn_1024.
"""

_base_ = 'cascade-mask-rcnn_eva02-b-p16_lsj-1024_lvis.py'

model = dict(
    backbone=dict(
        arch='eva02-large',
        global_attn_indexes=(5, 11, 17, 23),
        drop_path_rate=0.4,
        init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_in21k_p14to16.pt'),
    ),
    neck=dict(in_channels=1024),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_iters=40000)
param_scheduler = _base_.eva02.schedule_40k
