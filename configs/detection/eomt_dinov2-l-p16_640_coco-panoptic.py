"""EoMT over DINOv2-L with registers on panoptic COCO, batch 16.

    bash tools/dist_train.sh configs/detection/eomt_dinov2-l-p16_640_coco-panoptic.py 8
    python tools/test.py configs/detection/eomt_dinov2-l-p16_640_coco-panoptic.py CHECKPOINT

The release states PQ 56.0 at this size; not measured here.
"""

_base_ = '_base_/eomt_coco-panoptic-640px.py'

model = dict(backbone=_base_.dinov2)
