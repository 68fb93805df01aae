"""EVA-g: intermediate fine-tuning on Kinetics-722, 8 frames.

    bash tools/dist_train.sh configs/video/eva-g-p14_8f-224_k722.py 8   # on each of 16 nodes

Published: 128 GPUs, 2 clips on each; after 40 epochs of 2,458 iterations 82.78 top-1 with one view, 84.88 with 12 (log
ft_k722_log.txt).
Numbers: kinetics722_intermediate_ft.yaml of the release and its log. Its own loader cannot start this run: it deletes
the position embedding before reading it.
"""

_base_ = ['_base_/kinetics.py']

model = dict(
    backbone=dict(
        arch='giant',
        num_frames=8,
        drop_path_rate=0.3,
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_psz14.pt'),
    ),
    cls_head=dict(num_classes=722),
    data_preprocessor=dict(
        blending=dict(
            type='RandomBatchAugment',
            augments=[
                dict(type='CutmixBlending', alpha=1.0, num_classes=722),
                dict(type='MixupBlending', alpha=0.8, num_classes=722),
            ],
        )
    ),
)

train_dataloader = dict(batch_size=2, dataset=dict(num_frames=8, ann_file='k722/k722_train.txt'))
val_dataloader = dict(dataset=dict(num_frames=8, ann_file='k722/k722_val.txt'))
test_dataloader = dict(dataset=dict(num_frames=8, ann_file='k722/k722_val.txt'))

optim_wrapper = dict(optimizer=dict(lr=8e-6))
# timm's schedule, which the release sets after each step: iteration i has the value of i - 1
param_scheduler = dict(
    type='eva_mm.EVACosineLR',
    warmup_epochs=5,
    ramp='from_start',
    delay=1,
    eta_min_ratio=1e-2,
    by_epoch=True,
    convert_to_iter_based=True,
)
train_cfg = dict(max_epochs=40)
