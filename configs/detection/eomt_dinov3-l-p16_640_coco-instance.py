"""EoMT over DINOv3-L on COCO instances, batch 16.

    bash tools/dist_train.sh configs/detection/eomt_dinov3-l-p16_640_coco-instance.py 8
    python tools/test.py configs/detection/eomt_dinov3-l-p16_640_coco-instance.py CHECKPOINT

Rates and schedule are those of the release for DINOv2-L, untuned for this trunk; there is no metric to expect.
"""

_base_ = '_base_/eomt_coco-instance-640px.py'

model = dict(backbone=_base_.dinov3)
