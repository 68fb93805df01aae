"""Mask evaluation of EVA-02-L on COCO at 1536 pixels: each score times the maskness of its mask.

    python tools/test.py configs/detection/cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco_mask.py \
        checkpoints/eva02_L_coco_sys.pth

Published: mask AP 53.80. Numbers: the command in EVA-02/det/README.md.
"""

_base_ = 'cascade-mask-rcnn_eva02-l-p16_lsj-1536_coco.py'

model = dict(test_cfg=dict(rcnn=dict(maskness_thr=0.5)))
