"""Evaluation of eva_lvis.pth on LVIS v1 val at 1536 pixels: 1000 detections per image, scores times maskness.

    python tools/test.py configs/detection/cascade-mask-rcnn_eva-g-p16_1536_lvis.py checkpoints/eva_lvis.pth

Published: box AP 62.2, mask AP 55.0; rare classes 55.1 and 48.3.
Numbers: EVA-01/det, LVIS/cascade_mask_rcnn_vitdet_eva_1536.py and the command of its README.
"""

_base_ = 'cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis.py'

model = dict(
    data_preprocessor=dict(pad_size_divisor=1536),
    backbone=dict(rel_pos_resize='geometric'),
    test_cfg=dict(rcnn=dict(score_thr=0.001, max_per_img=1000, maskness_thr=0.5)),
)
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
val_evaluator = dict(max_dets=1000)
test_evaluator = dict(max_dets=1000)
