"""The nano COCO detector measured with nano-LVIS's annotations of COCO's ten classes, as the paper's gap analysis does.

    python tools/analysis_tools/lvis_coco_gap.py subset --lvis data/nano/coco/annotations/lvis_v1_val.json \
        --coco data/nano/coco/annotations/instances_val2017.json --out data/nano/coco/lvis
    python tools/test.py configs/nano/detection_lvis-annotation.py CHECKPOINT

CHECKPOINT is one of configs/nano/detection.py.
"""

_base_ = 'detection.py'

# as the large one is evaluated
model = dict(test_cfg=dict(rcnn=dict(max_per_img=100)))
subset = 'lvis/lvis_v1_val_5k_cocofied.json'
test_dataloader = dict(dataset=dict(type='eva_mm.LVISFormatDataset', ann_file=subset, data_prefix=dict(img='')))
val_dataloader = test_dataloader
val_evaluator = dict(
    _delete_=True,
    type='eva_mm.LVISMaxDetsMetric',
    ann_file='data/nano/coco/' + subset,
    metric=['bbox', 'segm'],
    max_dets=300,
)
test_evaluator = val_evaluator
