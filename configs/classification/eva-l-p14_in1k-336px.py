"""EVA-L, fine-tuned on ImageNet-1K at 336 pixels straight after pre-training.

    bash tools/dist_train.sh configs/classification/eva-l-p14_in1k-336px.py 8   # on each of 2 nodes; 1024 images a step
    python tools/test.py configs/classification/eva-l-p14_in1k-336px.py eva_l_psz14_336px_1k_ft_88p65.pt

Published: top-1 88.65.
Numbers: as eva-l-p14_in1k-196px.py, from the log eva-l_ft_1k_cls_sz336_50ep_88p65.txt. 16 GPUs are assumed.
"""

_base_ = ['eva-l-p14_in1k-196px.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = test_pipeline[2].crop_size = 336

model = dict(backbone=dict(img_size=336))
train_dataloader = dict(batch_size=64, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=96, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
auto_scale_lr = dict(base_batch_size=1024)
