"""Evaluation of eva_o365.pth on Objects365 at 1536 pixels.

    python tools/test.py configs/detection/cascade-rcnn_eva-g-p16_1536_o365.py checkpoints/eva_o365.pth

No result is published, and the released file was trained on the validation images as well. The settings are those of
the release's COCO evaluation at 1536.
"""

_base_ = 'cascade-rcnn_eva-g-p16_lsj-1280_o365.py'

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

val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1536))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1536))
val_evaluator = dict(proposal_nums=(1, 10, 100))
test_evaluator = dict(proposal_nums=(1, 10, 100))
