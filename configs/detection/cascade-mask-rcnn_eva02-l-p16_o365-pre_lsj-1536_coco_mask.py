"""Mask evaluation of EVA-02-L from Objects365 on COCO at 1536 pixels: each score times the maskness of its mask.

    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco_mask.py \
        checkpoints/eva02_L_coco_seg_sys_o365.pth

Published: mask AP 55.36 (box AP 63.9). Numbers: the command in EVA-02/det/README.md.
"""

_base_ = 'cascade-mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco.py'

model = dict(test_cfg=dict(rcnn=dict(maskness_thr=0.5)))
