# EVA-02 with UPerNet on ADE20K. Source: the release's EVA-02/seg, configs/eva02/upernet and backbone/eva2.py, whose
# pyramid mmseg has as Feature2Pyramid. Norms, biases and 1-D weights are not decayed; positions and the class token are,
# as released. No adapter.
_base_ = [
    'mmseg::_base_/models/upernet_beit.py',
    'mmseg::_base_/datasets/ade20k.py',
    'mmseg::_base_/default_runtime.py',
    'mmseg::_base_/schedules/schedule_80k.py',
]


def views(side):
    # the short side is at least that of a window
    return [
        dict(type='LoadImageFromFile'),
        dict(
            type='TestTimeAug',
            transforms=[
                [
                    dict(type='ResizeShortestEdge', scale=max(side, int(side * ratio)), max_size=100000)
                    for ratio in (0.5, 0.75, 1.0, 1.25, 1.5, 1.75)
                ],
                [dict(type='RandomFlip', prob=prob, direction='horizontal') for prob in (0.0, 1.0)],
                [dict(type='LoadAnnotations')],
                [dict(type='PackSegInputs')],
            ],
        ),
    ]


tta_pipeline = views(512)
tta_pipeline_640 = views(640)

# a short side below that of a window is padded
data_preprocessor = dict(size=(512, 512), test_cfg=dict(size=(512, 512)))
model = dict(
    data_preprocessor=data_preprocessor,
    backbone=dict(
        _delete_=True,
        type='eva_mm.EVAViT',
        arch='eva02-base',
        img_size=512,
        patch_size=16,
        out_indices=(3, 5, 7, 11),
        out_type='featmap',
        drop_path_rate=0.15,
        init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva02_B_pt_in21k_p14to16.pt'),
    ),
    test_cfg=dict(mode='slide', crop_size=(512, 512), stride=(341, 341)),
)
optim_wrapper = dict(
    _delete_=True,
    type='AmpOptimWrapper',
    dtype='float16',
    loss_scale='dynamic',
    optimizer=dict(type='AdamW', lr=6e-5, betas=(0.9, 0.999), weight_decay=0.05),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(norm_decay_mult=0.0, bias_decay_mult=0.0, flat_decay_mult=0.0, layer_decay_rate=0.85),
)
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=80001, by_epoch=False),
]
