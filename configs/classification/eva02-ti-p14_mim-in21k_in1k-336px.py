"""EVA-02-Ti, pre-trained on ImageNet-21K, fine-tuned on ImageNet-1K at 336 pixels.

    bash tools/dist_train.sh configs/classification/eva02-ti-p14_mim-in21k_in1k-336px.py 8   # 1024 images a step
    python tools/test.py configs/classification/eva02-ti-p14_mim-in21k_in1k-336px.py eva02_Ti_pt_in21k_ft_in1k_p14.pt

Published: top-1 80.714, top-5 95.536, of the weights in training, though they are averaged as well.
8 GPUs with 128 images each.
Numbers: the command in EVA-02/asuka/README.md, and the defaults of run_class_finetuning.py where it is silent.
"""

_base_ = ['_base_/eva02_in1k-336px.py']

model = dict(
    backbone=dict(arch='eva02-tiny', init_cfg=dict(checkpoint='checkpoints/eva02_Ti_pt_in21k_p14.pt')),
    head=dict(in_channels=192),
)
train_dataloader = dict(batch_size=128)
val_dataloader = dict(batch_size=192)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=2e-4), paramwise_cfg=dict(layer_decay_rate=0.9))
strategy = dict(zero_optimization=dict(stage=0))
param_scheduler = dict(warmup_epochs=5)
custom_hooks = [dict(type='eva_mm.FP32EMAHook', momentum=1e-4, evaluate_on_origin=True)]
train_cfg = dict(max_epochs=100)
