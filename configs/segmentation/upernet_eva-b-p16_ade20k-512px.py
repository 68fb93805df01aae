"""EVA-B, plain, with UPerNet on ADE20K: the baseline without a ViT-Adapter, for one GPU of 24 GB.

    python tools/train.py configs/segmentation/upernet_eva-b-p16_ade20k-512px.py
    python tools/test.py configs/segmentation/upernet_eva-b-p16_ade20k-512px.py CHECKPOINT

Not published: there is no metric to expect. The pyramid is that of BEiTBaseline in the release, which mmseg has as
Feature2Pyramid; head, losses and pipeline are mmseg's, rates are untuned starting points.
"""

_base_ = [
    'mmseg::_base_/models/upernet_beit.py',
    'mmseg::_base_/datasets/ade20k.py',
    'mmseg::_base_/default_runtime.py',
    'mmseg::_base_/schedules/schedule_80k.py',
    '_base_/learning_rates.py',
    '../_base_/eva-base.py',
]

data_preprocessor = dict(size=(512, 512))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViT',
        **_base_.mim_backbone,
        img_size=512,
        patch_size=16,
        out_indices=(3, 5, 7, 11),
        out_type='featmap',
        drop_path_rate=0.1,
    ),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)

train_dataloader = dict(batch_size=4)
optim_wrapper = dict(
    _delete_=True,
    type='OptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-5, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(**_base_.rate_rules.corrected, layer_decay_rate=0.9),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=80001, by_epoch=False),
]
auto_scale_lr = dict(base_batch_size=4)
