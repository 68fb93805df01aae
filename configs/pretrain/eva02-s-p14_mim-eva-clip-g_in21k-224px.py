"""EVA-02-S: masked image modelling against EVA-CLIP-g on ImageNet-21K.

    bash tools/dist_train.sh configs/pretrain/eva02-s-p14_mim-eva-clip-g_in21k-224px.py 8   # on each of 5 nodes

Published as eva02_S_pt_in21k_p14.pt: 40 GPUs with 100 images each, 240 epochs.
Numbers: the command in EVA-02/asuka/README.md.
"""

_base_ = ['eva02-ti-p14_mim-eva-clip-g_in21k-224px.py']

model = dict(backbone=dict(arch='eva02-small'), head=dict(embed_dims=384))
