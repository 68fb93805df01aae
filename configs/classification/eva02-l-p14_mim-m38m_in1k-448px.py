"""EVA-02-L, pre-trained on Merged-38M, fine-tuned on ImageNet-1K at 448 pixels.

    bash tools/dist_train.sh configs/classification/eva02-l-p14_mim-m38m_in1k-448px.py 8   # on each of 8 nodes
    python tools/test.py configs/classification/eva02-l-p14_mim-m38m_in1k-448px.py eva02_L_pt_m38m_ft_in1k_p14.pt

Published: top-1 89.570, top-5 98.924, of the averaged weights.
1024 images a step, which the release has on 4 nodes in two parts.
Numbers: the command in EVA-02/asuka/README.md, and the defaults of run_class_finetuning.py where it is silent.
"""

_base_ = ['_base_/eva02_in1k-448px.py']

model = dict(
    backbone=dict(
        arch='eva02-large', drop_path_rate=0.15, init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_m38m_p14.pt')
    ),
    head=dict(in_channels=1024, loss=dict(label_smooth_val=0.2)),
)
train_dataloader = dict(batch_size=16)
val_dataloader = dict(batch_size=24)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=7e-5), paramwise_cfg=dict(layer_decay_rate=0.8))
param_scheduler = dict(warmup_epochs=3)
train_cfg = dict(max_epochs=30)
