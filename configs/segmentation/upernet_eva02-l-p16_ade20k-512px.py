"""EVA-02-L with UPerNet on ADE20K at 512 pixels, from masked image modelling on Merged-38M.

    bash tools/dist_train.sh configs/segmentation/upernet_eva02-l-p16_ade20k-512px.py 8
    python tools/test.py configs/segmentation/upernet_eva02-l-p16_ade20k-512px.py eva02_L_ade_seg_upernet_sz512.pth
    python tools/test.py configs/segmentation/upernet_eva02-l-p16_ade20k-512px.py eva02_L_ade_seg_upernet_sz512.pth --tta

Published: mIoU 59.77, aAcc 86.67, mAcc 72.05; with six scales and mirroring 60.42, 86.98, 72.54. A user of the release
reached 58.9. Batch 16: 8 GPUs with 2 images each.
Numbers: the release's EVA-02/seg, configs/eva02/upernet.
"""

_base_ = ['_base_/upernet_eva02.py']

channels = [1024] * 4
model = dict(
    backbone=dict(
        arch='eva02-large',
        out_indices=(7, 11, 15, 23),
        drop_path_rate=0.2,
        init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_m38m_p14to16.pt'),
    ),
    neck=dict(embed_dim=1024),
    decode_head=dict(in_channels=channels, channels=1024),
    auxiliary_head=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=2)
optim_wrapper = dict(optimizer=dict(lr=4e-5), paramwise_cfg=dict(layer_decay_rate=0.9))
