"""Linear probe of the vision tower of EVA-CLIP on ImageNet-1K at 336 pixels.

    bash tools/dist_train.sh configs/classification/eva-g-p14_clip-pre_linear_in1k-336px.py 8   # on each of 5 nodes
    python tools/test.py configs/classification/eva-g-p14_clip-pre_linear_in1k-336px.py \
        eva_clip_vis_enc_sz336_lincls_86p5.pth

Published: top-1 86.50, top-5 98.03 (best epoch 64); 40 GPUs with 400 images each, learning rate not scaled by the batch.
Numbers: EVA release, README, run_class_finetuning.py and the log linear_eva_clip_vision_enc_1k_cls_sz336_86p5.txt. The
normed class token goes through a batch norm without affine parameters and one linear layer; nothing else is trained.
The learning rate acts on LARS' whole momentum and one random crop is drawn without retrying, as in MAE's code.
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px.py']

model = dict(
    backbone=dict(
        out_type='cls_token',
        frozen_stages=41,  # the last norm too
        drop_path_rate=0.0,
        with_cp=False,
        init_cfg=dict(checkpoint='checkpoints/eva_clip_psz14_vision_enc.pt'),
    ),
    neck=dict(type='ClsBatchNormNeck', input_features=1408),
    head=dict(init_cfg=dict(std=0.01), loss=dict(_delete_=True, type='CrossEntropyLoss')),
)

train_pipeline = [
    _base_.load_image,
    dict(type='ToPIL', to_rgb=True),
    dict(type='MAERandomResizedCrop', size=336, interpolation=3),  # 3 is bicubic
    dict(type='torchvision/RandomHorizontalFlip', p=0.5),
    dict(type='ToNumpy', to_bgr=True),
    dict(type='PackInputs'),
]
train_dataloader = dict(batch_size=400, dataset=dict(pipeline=train_pipeline))
val_dataloader = test_dataloader = dict(batch_size=400)

strategy = None
optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',
    dtype='float16',
    optimizer=dict(type='eva_mm.LARS', lr=0.6, momentum=0.9, weight_decay=0.0),
)
param_scheduler = dict(warmup_epochs=10)
custom_hooks = []
train_cfg = dict(max_epochs=90)
auto_scale_lr = dict(base_batch_size=16000)
