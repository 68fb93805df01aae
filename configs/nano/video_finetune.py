"""Nano EVA from 4 to 8 frames: the Kinetics-400 recipe, from the checkpoint of configs/nano/video.py.

    python tools/train.py configs/nano/video_finetune.py

Positions are resized in time, the classifier starts from its rows, layers nearer the input learn more slowly, and the
rate is constant. There is one nano data set, so the classes are the same and no row map is needed.
"""

_base_ = ['../video/eva-g-p14_16f-224_k400.py', '_base_/video_data.py']

checkpoint = 'work_dirs/video/epoch_5.pth'
model = dict(
    backbone=dict(
        arch='nano', num_frames=8, img_size=84, drop_path_rate=0.0, with_cp=False, init_cfg=dict(checkpoint=checkpoint)
    ),
    cls_head=dict(num_classes=4, in_channels=96, start_from=dict(checkpoint=checkpoint, rows=None)),
)

train_dataloader = dict(batch_size=8, num_workers=1, dataset=dict(**_base_.nano_train, num_frames=8))
val_dataloader = dict(batch_size=40, num_workers=1, dataset=dict(**_base_.nano_val, num_frames=8))
test_dataloader = dict(batch_size=5, num_workers=1, dataset=dict(**_base_.nano_test, num_frames=8))

optim_wrapper = dict(type='OptimWrapper', accumulative_counts=2, optimizer=dict(lr=1e-4))
train_cfg = dict(max_epochs=2, val_interval=2)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=16)
