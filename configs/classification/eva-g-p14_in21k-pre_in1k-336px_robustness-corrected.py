"""The robustness table of EVA without the deviations of the released evaluation.

    python tools/test.py configs/classification/eva-g-p14_in21k-pre_in1k-336px_robustness-corrected.py \
        eva_21k_1k_336px_psz14_ema_89p6.pt

V2 and ObjectNet are resized bicubically as all others, ObjectNet's red border is cut off, and any of the ImageNet
classes that an ObjectNet class maps to is right. No figures are published for this protocol.
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px_robustness.py']

datasets = _base_.test_dataloader.dataset.datasets
datasets[1].pipeline = _base_.bicubic
datasets[5].pipeline = [_base_.load_image, dict(type='eva_mm.CropBorder', width=2), *_base_.bicubic[1:]]
test_dataloader = dict(dataset=dict(datasets=datasets))
test_evaluator = dict(protocol='any-label')
