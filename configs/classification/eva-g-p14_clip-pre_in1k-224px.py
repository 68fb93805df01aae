"""The vision tower of EVA-CLIP, fine-tuned on ImageNet-1K at 224 pixels.

    bash tools/dist_train.sh configs/classification/eva-g-p14_clip-pre_in1k-224px.py 8   # on each of 2 nodes
    python tools/test.py configs/classification/eva-g-p14_clip-pre_in1k-224px.py eva_clip_vis_enc_sz224_ftcls_89p1.pt

Published: top-1 89.07, top-5 98.71 with averaged weights.
Numbers: EVA release, README and the log ft_eva_clip_vision_enc_1k_cls_sz224_89p1.txt. The README gives a batch of 1024
(32 GPUs with 32 images each), the log 2502 steps in an epoch, which is a batch of 512: the log is followed.
"""

_base_ = ['eva-g-p14_clip-pre_in1k-336px.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = test_pipeline[2].crop_size = 224

model = dict(backbone=dict(img_size=224))
train_dataloader = dict(batch_size=32, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=48, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=512)
