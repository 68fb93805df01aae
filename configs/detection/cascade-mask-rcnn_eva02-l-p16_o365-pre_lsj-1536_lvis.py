"""EVA-02-L on LVIS v1 at 1536 pixels, from the Objects365 detector; averaged weights are evaluated.

    bash tools/dist_train.sh configs/detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_lvis.py 8   # on each of 8 nodes
    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_lvis.py \
        checkpoints/eva02_L_lvis_sys_o365.pth

Published: box AP 65.22 (rare 59.71), mask AP 57.32 (rare 52.47). Batch 64 in all: batch_size is that of one of 64 GPUs.
Numbers: EVA-02/det, eva2_o365_to_lvis/..._l_8attn_1536.
"""

_base_ = 'cascade-mask-rcnn_eva02-l-p16_lsj-1536_lvis.py'

model = dict(
    init_cfg=dict(_delete_=True, type='Pretrained', checkpoint='checkpoints/eva02_L_in21k_to_o365.pth'),
    backbone=dict(window_size=16, drop_path_rate=0.3, init_cfg=None),
)
val_evaluator = dict(max_dets=1000)
test_evaluator = dict(max_dets=1000)
optim_wrapper = dict(optimizer=dict(lr=4e-5))
custom_hooks = [dict(type='eva_mm.ClassFrequencyHook'), dict(type='eva_mm.FP32EMAHook', momentum=1e-4)]
train_cfg = dict(max_iters=70000, val_interval=5000)
param_scheduler = [dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=701)]
default_hooks = dict(checkpoint=dict(interval=5000))
