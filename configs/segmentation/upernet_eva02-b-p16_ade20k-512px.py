"""EVA-02-B with UPerNet on ADE20K at 512 pixels, from masked image modelling on ImageNet-21K.

    bash tools/dist_train.sh configs/segmentation/upernet_eva02-b-p16_ade20k-512px.py 8
    python tools/test.py configs/segmentation/upernet_eva02-b-p16_ade20k-512px.py eva02_B_ade_seg_upernet_sz512.pth

Published: mIoU 55.25, aAcc 85.41, mAcc 66.81; 8 GPUs with 4 images each.
Numbers: the release's EVA-02/seg, configs/eva02/upernet. Its log has the rates of this schedule.
"""

_base_ = ['_base_/upernet_eva02.py']

train_dataloader = dict(batch_size=4)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=60001, by_epoch=False),
]
train_cfg = dict(max_iters=60000, val_interval=6000)
