# EVA-02 on ImageNet-1K at 448 pixels.
_base_ = ['eva02_in1k-336px.py']

crop = dict(type='eva_mm.PillowRandomResizedCrop', scale=448)
resize = dict(type='ResizeEdge', scale=448, edge='short', backend='pillow', interpolation='bicubic')
train_pipeline = [_base_.load_image, crop, *_base_.train_pipeline[2:]]
test_pipeline = [_base_.load_image, resize, dict(type='CenterCrop', crop_size=448), dict(type='PackInputs')]

model = dict(backbone=dict(img_size=448))
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
val_dataloader = dict(dataset=dict(pipeline=test_pipeline))
test_dataloader = val_dataloader
