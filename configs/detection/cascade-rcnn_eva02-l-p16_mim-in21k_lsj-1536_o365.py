"""EVA-02-L on Objects365 at 1536 pixels, from masked image modelling on ImageNet-21K alone: what LVIS starts from.

    bash tools/dist_train.sh configs/detection/cascade-rcnn_eva02-l-p16_mim-in21k_lsj-1536_o365.py 8   # on each of 20 nodes

Published as eva02_L_in21k_to_o365, without a result. All else is that of the one from Merged-38M.
"""

_base_ = 'cascade-rcnn_eva02-l-p16_lsj-1536_o365.py'

model = dict(backbone=dict(init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_in21k_p14to16.pt')))
