"""EVA-g, fine-tuned on ImageNet-1K at 560 pixels after ImageNet-21K: the best published EVA classifier.

    bash tools/dist_train.sh configs/classification/eva-g-p14_in21k-pre_in1k-560px.py 8   # on each of 4 nodes
    python tools/test.py configs/classification/eva-g-p14_in21k-pre_in1k-560px.py eva_21k_1k_560px_psz14_ema_89p7.pt

Published: top-1 89.71, top-5 98.96 with averaged weights (best of 15 epochs 89.725); a batch of 512 as at 336 pixels.
Numbers: EVA release, README and the log ft_1k_cls_sz560_89p7.txt.
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = test_pipeline[2].crop_size = 560

model = dict(backbone=dict(img_size=560))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
train_cfg = dict(max_epochs=15)
