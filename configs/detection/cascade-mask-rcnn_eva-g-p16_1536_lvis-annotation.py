"""A COCO model measured with LVIS's annotations of COCO's 80 classes.

    python tools/analysis_tools/lvis_coco_gap.py subset   # writes lvis_v1_val_5k_cocofied.json
    python tools/test.py configs/detection/cascade-mask-rcnn_eva-g-p16_1536_lvis-annotation.py checkpoints/eva_coco_det.pth

Numbers: EVA-01/det, the lvis_annotation config: the 1536 model of COCO with the suppression of its training config, so of
the 300 detections that count 100 at most are there.
"""

_base_ = 'cascade-mask-rcnn_eva-g-p16_1536_coco-det.py'

model = dict(
    test_cfg=dict(rcnn=dict(score_thr=0.05, nms=dict(_delete_=True, type='nms', iou_threshold=0.5), max_per_img=100))
)

subset = 'lvis/lvis_v1_val_5k_cocofied.json'
val_dataloader = dict(dataset=dict(type='eva_mm.LVISFormatDataset', ann_file=subset, data_prefix=dict(img='')))
test_dataloader = dict(dataset=dict(type='eva_mm.LVISFormatDataset', ann_file=subset, data_prefix=dict(img='')))
val_evaluator = dict(
    _delete_=True,
    type='eva_mm.LVISMaxDetsMetric',
    ann_file='data/coco/' + subset,
    metric=['bbox', 'segm'],
    max_dets=300,
)
test_evaluator = val_evaluator
