"""The robustness table of EVA-02-L: one network on ImageNet-1K, its five variants and ObjectNet.

    python tools/dataset_converters/make_imagenet_lists.py robustness data/imagenet data/robustness
    python tools/test.py configs/classification/eva02-l-p14_mim-m38m_in21k-pre_in1k-448px_robustness.py \
        eva02_L_pt_m38m_medft_in21k_ft_in1k_p14.pt

Published top-1: ImageNet-1K 89.974, V2 82.430, ReaL 91.075, A 87.720, R 89.907, Sketch 70.131, ObjectNet 62.801.
Protocol: the release's EVA-02/asuka, that of EVA-01 at 448 pixels, with its deviations.
"""

_base_ = ['eva02-l-p14_mim-m38m_in21k-pre_in1k-448px.py']

pack = dict(type='PackInputs', meta_keys=('img_path', 'eval_set', 'labels', 'real_labels', 'candidates'))
bicubic = [*_base_.test_pipeline[:3], pack]
bilinear = [_base_.load_image, dict(_base_.resize, interpolation='bilinear'), *bicubic[2:]]
imagenet = dict(data_root='data/imagenet', ann_file='meta/imagenet-1k.json', pipeline=bicubic)
variants = dict(v2=bilinear, a=bicubic, r=bicubic, sketch=bicubic)
lists = {f'imagenet-{name}': pipeline for name, pipeline in variants.items()} | dict(objectnet=bilinear)
datasets = [
    dict(type='eva_mm.RobustnessSet', **imagenet),
    *(
        dict(type='eva_mm.RobustnessSet', data_root='data/robustness', ann_file=f'lists/{name}.json', pipeline=pipeline)
        for name, pipeline in lists.items()
    ),
]
test_dataloader = dict(dataset=dict(_delete_=True, type='ConcatDataset', datasets=datasets))
test_evaluator = dict(_delete_=True, type='eva_mm.RobustnessTable', protocol='released')
