"""EVA-02-L on COCO at 1536 pixels, from masked image modelling on Merged-38M; its box evaluation.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco.py 8   # on each of 16 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco.py checkpoints/eva02_L_coco_sys.pth

Published: box AP 62.28; mask AP 53.80 with cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco_mask.py. Batch 128 in all:
batch_size is that of one of 128 GPUs.
Numbers: EVA-02/det, eva2_mim_to_coco/..._l_8attn_win32_1536_lrd0p8.
"""

_base_ = 'cascade-mask-rcnn_eva02-b-p16_lsj-1536_coco.py'

model = dict(
    backbone=dict(
        arch='eva02-large',
        global_attn_indexes=(2, 5, 8, 11, 14, 17, 20, 23),
        drop_path_rate=0.4,
        with_cp=True,
        init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_m38m_p14to16.pt'),
    ),
    neck=dict(in_channels=1024),
)
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.8))
