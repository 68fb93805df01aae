"""Mask evaluation of eva_coco_seg.pth on COCO val2017: as coco-det, and each score times the maskness of its mask.

    python tools/test.py configs/detection/cascade-mask-rcnn_eva-g-p16_1536_coco-seg.py checkpoints/eva_coco_seg.pth

Published: mask AP 55.0 (box AP 63.9) on val2017; mask AP 55.5 on test-dev with an augmentation that is not public.
Numbers: EVA-01/det, COCO/cascade_mask_rcnn_vitdet_eva_1536.py and the command of its README.
"""

_base_ = 'cascade-mask-rcnn_eva-g-p16_1536_coco-det.py'

model = dict(test_cfg=dict(rcnn=dict(maskness_thr=0.5)))
