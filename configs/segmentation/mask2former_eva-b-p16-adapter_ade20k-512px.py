"""EVA-B with ViT-Adapter and Mask2Former on ADE20K, for one GPU of 24 GB.

    python tools/train.py configs/segmentation/mask2former_eva-b-p16-adapter_ade20k-512px.py
    python tools/test.py configs/segmentation/mask2former_eva-b-p16-adapter_ade20k-512px.py CHECKPOINT

Not published: the release has no segmentor of this size, so there is no metric to expect. mmseg's own Mask2Former (256
channels, 100 queries) and ADE20K pipeline at 512 x 512; learning rate, decay and drop path are starting points that
nobody has tuned. No MIM weights of this size are published.
"""

_base_ = ['_base_/mask2former_eva-adapter.py', '../_base_/eva-base.py']

model = dict(
    backbone=dict(
        **_base_.mim_backbone, img_size=512, drop_path_rate=0.2, deform_num_heads=12, norm_cfg=dict(type='BN')
    ),
    decode_head=dict(in_channels=[768] * 4),
)

train_dataloader = dict(batch_size=8)
optim_wrapper = dict(
    optimizer=dict(lr=2e-5), paramwise_cfg=dict(_delete_=True, **_base_.rate_rules.corrected, layer_decay_rate=0.9)
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=80001, by_epoch=False),
]
train_cfg = dict(max_iters=80000)
auto_scale_lr = dict(base_batch_size=8)
