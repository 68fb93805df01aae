"""EVA-L, fine-tuned on ImageNet-1K at 336 pixels after ImageNet-21K.

    bash tools/dist_train.sh configs/classification/eva-l-p14_in21k-pre_in1k-336px.py 8   # 512 images a step
    python tools/test.py configs/classification/eva-l-p14_in21k-pre_in1k-336px.py eva_l_psz14_336px_21k_to_1k_ft_89p2.pt

Published: top-1 89.2.
Numbers: as eva-l-p14_in21k-pre_in1k-196px.py, from the log eva-l_ft_21k_to_1k_cls_sz336_20ep_89p2.txt.
"""

_base_ = ['eva-l-p14_in21k-pre_in1k-196px.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = test_pipeline[2].crop_size = 336

model = dict(backbone=dict(img_size=336))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
