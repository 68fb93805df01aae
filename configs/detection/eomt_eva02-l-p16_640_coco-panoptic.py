"""EoMT over EVA-02-L on panoptic COCO, batch 16.

    bash tools/dist_train.sh configs/detection/eomt_eva02-l-p16_640_coco-panoptic.py 8
    python tools/test.py configs/detection/eomt_eva02-l-p16_640_coco-panoptic.py CHECKPOINT

Rates and schedule are those of the release for DINOv2-L, untuned for this trunk; there is no metric to expect.
"""

_base_ = '_base_/eomt_coco-panoptic-640px.py'

model = dict(backbone=_base_.eva02)
