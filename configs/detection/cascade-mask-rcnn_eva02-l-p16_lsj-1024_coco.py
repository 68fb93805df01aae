"""EVA-02-L on COCO at 1024 pixels, from masked image modelling on Merged-38M.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1024_coco.py 8   # on each of 18 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1024_coco.py checkpoints/eva02_L_coco_bsl.pth

Published: box AP 59.16, mask AP 50.79. Batch 144 in all: batch_size is that of one of 144 GPUs.
Numbers: EVA-02/det, eva2_mim_to_coco/..._l_4attn_1024_lrd0p8.
"""

_base_ = 'cascade-mask-rcnn_eva02-b-p16_lsj-1024_coco.py'

model = dict(
    backbone=dict(
        arch='eva02-large',
        global_attn_indexes=(5, 11, 17, 23),
        drop_path_rate=0.4,
        init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_m38m_p14to16.pt'),
    ),
    neck=dict(in_channels=1024),
)
optim_wrapper = dict(optimizer=dict(lr=6e-5), paramwise_cfg=dict(layer_decay_rate=0.8))
