"""Nano EVA: the robustness table on variants of a few hundred images in the formats of the real ones.

python tools/dataset_converters/make_imagenet_lists.py robustness data/nano/imagenet data/nano/robustness
python tools/test.py configs/nano/classification_robustness.py work_dirs/classification/epoch_30.pth
"""

_base_ = ['../classification/eva-g-p14_in21k-pre_in1k-336px_robustness.py']

datasets = _base_.test_dataloader.dataset.datasets
for dataset in datasets:
    dataset.data_root = dataset.data_root.replace('data/', 'data/nano/')
    dataset.pipeline[1].scale = dataset.pipeline[2].crop_size = 84
del dataset

model = dict(
    data_preprocessor=dict(num_classes=10),
    backbone=dict(arch='nano', img_size=84, drop_path_rate=0.1, with_cp=False, init_cfg=None),
    head=dict(num_classes=10, in_channels=96),
)
test_dataloader = dict(batch_size=125, num_workers=1, dataset=dict(datasets=datasets))
strategy = None
optim_wrapper = dict(type='OptimWrapper')
auto_scale_lr = dict(base_batch_size=16)
