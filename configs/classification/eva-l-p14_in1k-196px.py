"""EVA-L, fine-tuned on ImageNet-1K at 196 pixels straight after pre-training.

    bash tools/dist_train.sh configs/classification/eva-l-p14_in1k-196px.py 8   # 1024 images a step
    python tools/test.py configs/classification/eva-l-p14_in1k-196px.py eva_l_psz14_196px_1k_ft_88p0.pt

Published: top-1 88.0.
Numbers: no command was published. Epochs, warm-up, batch, learning rate, layer decay and weight decay are fitted from the
log eva-l_ft_1k_cls_sz196_50ep_88p0.txt (exact), which also shows that mixup or CutMix was on and that weights were
averaged. Which of the two, drop path, label smoothing, crop scale and the optimizer's betas are unknown: mixing and
smoothing stand as in EVA-g's ImageNet-21K recipe, the rest as in its ImageNet-1K recipe. 8 GPUs are assumed.
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px.py', '../_base_/eva-large.py']

train_pipeline, test_pipeline = _base_.train_pipeline, _base_.test_pipeline
train_pipeline[1].scale = test_pipeline[1].scale = test_pipeline[2].crop_size = 196

model = dict(
    backbone=dict(img_size=196, qkv_bias='full', patch_grad_scale=1.0, attn_fp32=False, **_base_.mim_backbone),
    head=dict(in_channels=1024, loss=dict(label_smooth_val=0.1)),
    train_cfg=dict(augments=dict(type='CutMix', alpha=1.0)),
)
train_dataloader = dict(batch_size=128, dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(batch_size=192, dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay_rate=0.8))
param_scheduler = dict(warmup_epochs=5)
train_cfg = dict(max_epochs=50)
auto_scale_lr = dict(base_batch_size=1024)
