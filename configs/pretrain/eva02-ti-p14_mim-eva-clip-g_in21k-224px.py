"""EVA-02-Ti: masked image modelling against EVA-CLIP-g on ImageNet-21K.

    bash tools/dist_train.sh configs/pretrain/eva02-ti-p14_mim-eva-clip-g_in21k-224px.py 8   # on each of 5 nodes

Published as eva02_Ti_pt_in21k_p14.pt: 40 GPUs with 100 images each, 240 epochs.
Numbers: the command in EVA-02/asuka/README.md. 3549 steps in an epoch follow from 14,197,122 images.
"""

_base_ = ['_base_/eva02.py']

model = dict(backbone=dict(arch='eva02-tiny', drop_path_rate=0.0), head=dict(embed_dims=192))
train_dataloader = dict(batch_size=100)
val_dataloader = dict(batch_size=150)
optim_wrapper = dict(optimizer=dict(lr=3e-3))
param_scheduler = dict(eta_min_ratio=1e-5 / 3e-3)
strategy = dict(zero_optimization=dict(stage=0))
train_cfg = dict(max_epochs=240)
auto_scale_lr = dict(base_batch_size=4000)
