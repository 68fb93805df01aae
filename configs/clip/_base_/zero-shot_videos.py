# What the zero-shot configs for videos share: the centre frame alone (EVA release, clip/README.md). Lists and class names
# of Kinetics come from tools/dataset_converters/make_k722.py.
_base_ = ['mmaction::_base_/default_runtime.py', 'eva-clip-g.py']

model = dict(
    data_preprocessor=dict(
        _delete_=True,
        type='ActionDataPreprocessor',
        mean=_base_.clip_preprocessor.mean,
        std=_base_.clip_preprocessor.std,
        format_shape='NCHW',
    )
)
test_dataloader = dict(
    batch_size=64,
    num_workers=8,
    sampler=dict(type='DefaultSampler', shuffle=False),
    dataset=dict(
        type='eva_mm.EVAVideoDataset',
        data_root='data',
        data_prefix=dict(video=''),
        test_mode=True,
        pipeline=[
            dict(type='eva_mm.OpenVideo'),
            dict(type='eva_mm.SampleSegments', clip_len=1),
            dict(type='eva_mm.DecodeFrames'),
            dict(type='eva_mm.CenterView', size=224),
            dict(type='FormatShape', input_format='NCHW'),
            dict(type='PackActionInputs'),
        ],
    ),
)
test_evaluator = dict(type='eva_mm.ZeroShotAccuracy')
test_cfg = dict(type='TestLoop')
