"""EVA-large on COCO in the way of ViTDet, meant for one GPU of 24 GB.

    python tools/train.py configs/detection/cascade-mask-rcnn_eva-l-p16_lsj-1024_coco.py

Untested, and no detector of this size was released, so neither time nor result is known. Layer decay, stochastic depth
and global blocks are ViTDet's for this size (arXiv 2203.16527); heads and data are the released EVA's. Ours: batch 16
in 16 steps of 1, 25 epochs in place of 100, and the learning rate, ViTDet's 1e-4 for batch 64 times the root of 16 / 64.
"""

_base_ = ['cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py', '../_base_/eva-large.py']

model = dict(
    init_cfg=None,
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        **_base_.mim_backbone,
        qkv_bias='full',
        drop_path_rate=0.4,
        global_attn_indexes=(5, 11, 17, 23),
        rel_pos_img_size=1024,
    ),
    neck=dict(in_channels=1024),
)

train_dataloader = dict(batch_size=1, dataset=dict(pipeline=_base_.pipelines.train_1024))
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1024))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1024))

optim_wrapper = dict(accumulative_counts=16, optimizer=dict(lr=5e-5), paramwise_cfg=dict(layer_decay_rate=0.8))
# iterations are of 1 images: 25 epochs of COCO's 117,266 images with objects; the rate falls at 8/9 and 26/27
train_cfg = dict(max_iters=2931650, val_interval=293165)
param_scheduler = [
    dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=4001),
    dict(type='MultiStepLR', by_epoch=False, begin=0, end=2931650, milestones=[2605911, 2823070], gamma=0.1),
]
default_hooks = dict(checkpoint=dict(interval=293165))
auto_scale_lr = dict(base_batch_size=16)
