"""Frozen EVA-g under a linear classifier of each patch on ADE20K: what the features alone can tell apart.

    bash tools/dist_train.sh configs/segmentation/linear_eva-g-p16_ade20k-512px.py 8
    bash tools/dist_test.sh configs/segmentation/linear_eva-g-p16_ade20k-512px.py CHECKPOINT 8

Not published: there is no metric to expect. Two 1 x 1 convolutions with a batch normalisation and no activation between
them are one linear map of standardised features.
"""

_base_ = ['upernet_eva-b-p16_ade20k-512px.py']

model = dict(
    backbone=dict(
        arch='giant',
        out_indices=-1,
        drop_path_rate=0.0,
        frozen_stages=40,
        init_cfg=dict(checkpoint='checkpoints/eva_psz14to16.pt'),
    ),
    neck=None,
    decode_head=dict(
        _delete_=True,
        type='FCNHead',
        in_channels=1408,
        in_index=0,
        channels=1408,
        num_convs=1,
        kernel_size=1,
        concat_input=False,
        norm_cfg=dict(type='SyncBN'),
        act_cfg=None,
        num_classes=150,
        loss_decode=dict(type='CrossEntropyLoss'),
    ),
    auxiliary_head=None,
)

train_dataloader = dict(batch_size=2)
optim_wrapper = dict(optimizer=dict(lr=1e-3), paramwise_cfg=dict(layer_decay_rate=1.0))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=40001, by_epoch=False),
]
train_cfg = dict(max_iters=40000)
auto_scale_lr = dict(base_batch_size=16)
