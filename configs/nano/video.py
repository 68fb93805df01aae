"""Nano EVA on short videos of a moving digit, from nano pre-training.

    python tools/train.py configs/nano/video.py

Needs data/nano and the checkpoint of configs/nano/pretrain.py; `make quickstart` makes both. No single frame tells the
four classes: it is what changes from frame to frame. Shrinks the Kinetics-722 recipe; fp16 becomes plain fp32, and nothing
is mirrored, because a mirrored digit is another sign.
"""

_base_ = ['../video/eva-g-p14_8f-224_k722.py', '../_base_/eva-nano.py', '_base_/video_data.py']

classes = 4
model = dict(
    backbone=dict(**_base_.mim_backbone, num_frames=4, img_size=84, drop_path_rate=0.0, with_cp=False),
    cls_head=dict(num_classes=classes, in_channels=96),
    data_preprocessor=dict(
        blending=dict(
            # mostly one clip or the other: minutes leave no time to learn from mixtures
            augments=[
                dict(type='CutmixBlending', alpha=0.1, num_classes=classes),
                dict(type='MixupBlending', alpha=0.1, num_classes=classes),
            ]
        )
    ),
)

train_dataloader = dict(batch_size=16, num_workers=1, dataset=dict(**_base_.nano_train, num_frames=4))
val_dataloader = dict(batch_size=40, num_workers=1, dataset=dict(**_base_.nano_val, num_frames=4))
test_dataloader = dict(batch_size=10, num_workers=1, dataset=dict(**_base_.nano_test, num_frames=4))

optim_wrapper = dict(type='OptimWrapper', optimizer=dict(lr=2e-3))
param_scheduler = dict(warmup_epochs=2)
train_cfg = dict(max_epochs=5, val_interval=5)
default_hooks = dict(logger=dict(interval=10), checkpoint=dict(max_keep_ckpts=1))
auto_scale_lr = dict(base_batch_size=16)
