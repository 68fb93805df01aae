"""Linear probe of the vision tower of EVA-CLIP on ImageNet-1K at 224 pixels.

    bash tools/dist_train.sh configs/classification/eva-g-p14_clip-pre_linear_in1k-224px.py 8   # on each of 5 nodes
    python tools/test.py configs/classification/eva-g-p14_clip-pre_linear_in1k-224px.py \
        eva_clip_vis_enc_sz224_lincls_86p5.pth

Published: top-1 86.46, top-5 98.03 (best epoch 56); 40 GPUs with 400 images each.
Numbers: EVA release, README and the log linear_eva_clip_vision_enc_1k_cls_sz224_86p5.txt.
"""

_base_ = ['eva-g-p14_clip-pre_linear_in1k-336px.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[2].size = test_pipeline[1].scale = test_pipeline[2].crop_size = 224

model = dict(backbone=dict(img_size=224))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=1.0))
