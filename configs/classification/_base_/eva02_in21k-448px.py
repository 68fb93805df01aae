# EVA-02 on ImageNet-21K (21,841 classes) at 448 pixels: nothing is evaluated and no weights are averaged.
_base_ = ['eva02_in1k-448px.py']

crop = dict(type='eva_mm.PillowRandomResizedCrop', scale=448, crop_ratio_range=(0.2, 1.0))
train_pipeline = [_base_.load_image, crop, *_base_.train_pipeline[2:]]

model = dict(data_preprocessor=dict(num_classes=21841), head=dict(num_classes=21841))
train_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='CustomDataset',
        data_root='data/imagenet21k',
        ann_file='meta/train.txt',
        pipeline=train_pipeline,
    )
)
val_dataloader = test_dataloader = val_evaluator = test_evaluator = None
val_cfg = test_cfg = None
custom_hooks = []
param_scheduler = dict(warmup_epochs=1)
