"""EoMT over DINOv2-L with registers on COCO instances, batch 16.

    bash tools/dist_train.sh configs/detection/eomt_dinov2-l-p16_640_coco-instance.py 8
    python tools/test.py configs/detection/eomt_dinov2-l-p16_640_coco-instance.py CHECKPOINT

The release states mask AP 45.2 at this size; not measured here.
"""

_base_ = '_base_/eomt_coco-instance-640px.py'

model = dict(backbone=_base_.dinov2)
