"""EVA-02-L on COCO at 1536 pixels, from the Objects365 detector; its box evaluation, of averaged weights.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco.py 8   # on each of 8 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco.py \
        checkpoints/eva02_L_coco_det_sys_o365.pth

Published: box AP 64.14 (mask AP 54.3); mask AP 55.36 of another iteration of the same run, eva02_L_coco_seg_sys_o365,
with cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco_mask.py. Batch 64 in all: batch_size is that of one of 64 GPUs.
Numbers: EVA-02/det, eva2_o365_to_coco/..._l_8attn_1536. Its windows are
of 16, as in Objects365, not of 32 as without.
"""

_base_ = 'cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco.py'

model = dict(
    init_cfg=dict(_delete_=True, type='Pretrained', checkpoint='checkpoints/eva02_L_m38m_to_o365.pth'),
    backbone=dict(window_size=16, drop_path_rate=0.3, init_cfg=None),
)
optim_wrapper = dict(optimizer=dict(lr=4e-5))
custom_hooks = [dict(type='eva_mm.FP32EMAHook', momentum=1e-4)]
train_cfg = dict(max_iters=40000)
param_scheduler = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=401)]
