"""EVA-02-B, pre-trained on ImageNet-21K, fine-tuned on ImageNet-1K at 448 pixels.

    bash tools/dist_train.sh configs/classification/eva02-b-p14_mim-in21k_in1k-448px.py 8   # on each of 4 nodes
    python tools/test.py configs/classification/eva02-b-p14_mim-in21k_in1k-448px.py eva02_B_pt_in21k_ft_in1k_p14.pt

Published: top-1 88.282, top-5 98.528, of the weights in training, though they are averaged as well.
32 GPUs with 32 images each.
Numbers: the command in EVA-02/asuka/README.md, and the defaults of run_class_finetuning.py where it is silent.
"""

_base_ = ['_base_/eva02_in1k-448px.py']

model = dict(
    backbone=dict(arch='eva02-base', init_cfg=dict(checkpoint='checkpoints/eva02_B_pt_in21k_p14.pt')),
    head=dict(in_channels=768),
)
train_dataloader = dict(batch_size=32)
val_dataloader = dict(batch_size=48)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1e-4), paramwise_cfg=dict(layer_decay_rate=0.7))
strategy = dict(zero_optimization=dict(stage=0))
param_scheduler = dict(warmup_epochs=3)
custom_hooks = [dict(type='eva_mm.FP32EMAHook', momentum=1e-4, evaluate_on_origin=True)]
train_cfg = dict(max_epochs=30)
