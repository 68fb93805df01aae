"""EVA-02-B: masked image modelling against EVA-CLIP-g on ImageNet-21K.

    bash tools/dist_train.sh configs/pretrain/eva02-b-p14_mim-eva-clip-g_in21k-224px.py 8   # on each of 4 nodes

Published as eva02_B_pt_in21k_p14.pt: 32 GPUs with 64 images each, 150 epochs.
Numbers: the command in EVA-02/asuka/README.md.
"""

_base_ = ['_base_/eva02.py']

model = dict(backbone=dict(arch='eva02-base', drop_path_rate=0.0), head=dict(embed_dims=768))
train_dataloader = dict(batch_size=64)
val_dataloader = dict(batch_size=96)
strategy = dict(zero_optimization=dict(stage=0))
