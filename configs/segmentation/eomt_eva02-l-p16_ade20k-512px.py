"""EoMT over EVA-02-L on ADE20K, batch 16.

    bash tools/dist_train.sh configs/segmentation/eomt_eva02-l-p16_ade20k-512px.py 8
    python tools/test.py configs/segmentation/eomt_eva02-l-p16_ade20k-512px.py CHECKPOINT

Rates and schedule are those of the release for DINOv2-L, untuned for this trunk; there is no metric to expect.
"""

_base_ = '_base_/eomt_ade20k-512px.py'

model = dict(backbone=_base_.eva02)
