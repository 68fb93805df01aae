"""EVA-g, fine-tuned on ImageNet-21K (21,841 classes): the step between pre-training and ImageNet-1K.

    python tools/dataset_converters/make_imagenet_lists.py imagenet21k data/imagenet21k
    bash tools/dist_train.sh configs/classification/eva-g-p14_in21k-224px.py 8   # on each of 8 nodes

Published: training loss 9.37 to 3.9975; not evaluated. 64 GPUs with 64 images each, 3466 steps in an epoch.
Numbers: EVA release, README and the log intermed_ft_22k_60ep_sz224.txt. No weights are averaged.
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px.py', '../_base_/eva-giant.py']

train_pipeline = _base_.train_pipeline
train_pipeline[1].update(scale=224, crop_ratio_range=(0.5, 1.0))

model = dict(
    data_preprocessor=dict(num_classes=21841),
    backbone=dict(img_size=224, **_base_.mim_backbone),
    head=dict(num_classes=21841, loss=dict(label_smooth_val=0.1)),
    train_cfg=dict(augments=dict(type='CutMix', alpha=1.0)),
)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root='data/imagenet21k',
        ann_file='meta/train.txt',
        pipeline=train_pipeline,
    ),
)
val_dataloader = test_dataloader = val_evaluator = test_evaluator = None

optim_wrapper = dict(optimizer=dict(lr=1e-4, betas=(0.9, 0.98), eps=1e-6), paramwise_cfg=dict(layer_decay_rate=0.85))
param_scheduler = dict(warmup_epochs=15, eta_min_ratio=1e-2)
custom_hooks = []
train_cfg = dict(max_epochs=60)
val_cfg = test_cfg = None
auto_scale_lr = dict(base_batch_size=4096)
