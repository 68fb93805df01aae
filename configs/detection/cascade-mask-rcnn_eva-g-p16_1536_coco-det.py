"""Box evaluation of eva_coco_det.pth on COCO val2017: 1536 pixels, linear soft suppression without a cut.

    python tools/test.py configs/detection/cascade-mask-rcnn_eva-g-p16_1536_coco-det.py checkpoints/eva_coco_det.pth

Published: box AP 64.2 (mask AP 53.9) on val2017; 64.5, and 64.7 on test-dev, with an augmentation that is not public.
Numbers: EVA-01/det, COCO/cascade_mask_rcnn_vitdet_eva_1536.py and the command of its README.
"""

_base_ = 'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py'

model = dict(
    data_preprocessor=dict(pad_size_divisor=1536),
    backbone=dict(rel_pos_resize='geometric'),
    test_cfg=dict(
        rcnn=dict(
            score_thr=0.0,
            nms=dict(type='soft_nms', iou_threshold=0.6, method='linear', min_score=1e-3, _delete_=True),
            max_per_img=-1,
        )
    ),
)

val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1536))
# as COCO counts them; mmdet's default counts 1000 detections per image in all but the first number
val_evaluator = dict(proposal_nums=(1, 10, 100))
test_evaluator = dict(proposal_nums=(1, 10, 100))
