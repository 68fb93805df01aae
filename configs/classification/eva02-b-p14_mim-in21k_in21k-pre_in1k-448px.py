"""EVA-02-B, pre-trained on ImageNet-21K, fine-tuned on ImageNet-1K at 448 pixels after ImageNet-21K.

    bash tools/dist_train.sh configs/classification/eva02-b-p14_mim-in21k_in21k-pre_in1k-448px.py 8
    # 512 images a step
    python tools/test.py configs/classification/eva02-b-p14_mim-in21k_in21k-pre_in1k-448px.py \
        eva02_B_pt_in21k_medft_in21k_ft_in1k_p14.pt

Published: top-1 88.570, top-5 98.650, of the averaged weights.
8 GPUs with 64 images each.
Numbers: the command in EVA-02/asuka/README.md, and the defaults of run_class_finetuning.py where it is silent.
"""

_base_ = ['_base_/eva02_in1k-448px.py']

model = dict(
    backbone=dict(
        arch='eva02-base',
        drop_path_rate=0.15,
        init_cfg=dict(checkpoint='checkpoints/eva02_B_pt_in21k_medft_in21k_p14.pt'),
    ),
    head=dict(in_channels=768, loss=dict(label_smooth_val=0.2)),
)
train_dataloader = dict(batch_size=64)
val_dataloader = dict(batch_size=96)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=5e-5), paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_epochs=15)
