"""EVA-02-L: masked image modelling against EVA-CLIP-g on ImageNet-21K.

    bash tools/dist_train.sh configs/pretrain/eva02-l-p14_mim-eva-clip-g_in21k-224px.py 8   # on each of 8 nodes

Published as eva02_L_pt_in21k_p14.pt: 64 GPUs with 32 images each, 150 epochs.
Numbers: the command in EVA-02/asuka/README.md.
"""

_base_ = ['_base_/eva02.py']

train_dataloader = dict(batch_size=32)
val_dataloader = dict(batch_size=48)
