"""The robustness table of EVA: one network on ImageNet-1K, its five variants and ObjectNet.

    python tools/dataset_converters/make_imagenet_lists.py robustness data/imagenet data/robustness
    python tools/test.py configs/classification/eva-g-p14_in21k-pre_in1k-336px_robustness.py \
        eva_21k_1k_336px_psz14_ema_89p6.pt

Published top-1 / top-5: ImageNet-1K 89.62 / 98.93, V2 81.57 / 96.23, ReaL 90.83 / 98.68, A 86.15 / 96.51,
R 88.28 / 95.83, Sketch 67.72 / 87.96, ObjectNet 60.91 / 82.77.
Protocol: EVA release, README and its data sets. V2 and ObjectNet are resized bilinearly there, ObjectNet keeps its red
border and only the first of an image's classes counts; ..._robustness-corrected.py does without these deviations.
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px.py']

pack = dict(type='PackInputs', meta_keys=('img_path', 'eval_set', 'labels', 'real_labels', 'candidates'))
bicubic = [*_base_.test_pipeline[:3], pack]
bilinear = [
    _base_.load_image,
    dict(type='ResizeEdge', scale=336, edge='short', backend='pillow', interpolation='bilinear'),
    *bicubic[2:],
]
imagenet = dict(
    type='eva_mm.RobustnessSet', data_root='data/imagenet', ann_file='meta/imagenet-1k.json', pipeline=bicubic
)
variant = dict(type='eva_mm.RobustnessSet', data_root='data/robustness')
test_dataloader = dict(
    dataset=dict(
        _delete_=True,
        type='ConcatDataset',
        datasets=[
            imagenet,
            dict(ann_file='lists/imagenet-v2.json', pipeline=bilinear, **variant),
            dict(ann_file='lists/imagenet-a.json', pipeline=bicubic, **variant),
            dict(ann_file='lists/imagenet-r.json', pipeline=bicubic, **variant),
            dict(ann_file='lists/imagenet-sketch.json', pipeline=bicubic, **variant),
            dict(ann_file='lists/objectnet.json', pipeline=bilinear, **variant),
        ],
    )
)
test_evaluator = dict(_delete_=True, type='eva_mm.RobustnessTable', protocol='released')
