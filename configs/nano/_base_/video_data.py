# Nano videos in the real pipelines, at 84 pixels.
nano_train_pipeline = [
    dict(type='eva_mm.OpenVideo'),
    dict(type='eva_mm.SampleSegments', random=True),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 96)),
    dict(type='MultiScaleCrop', input_size=84, scales=(1, 0.875, 0.75), max_wh_scale_gap=1),
    dict(type='Resize', scale=(84, 84), keep_ratio=False),
    dict(type='Flip', flip_ratio=0.0),  # a mirrored move to the left is one to the right
    dict(type='eva_mm.ClipColorJitter', prob=0.8),
    dict(type='eva_mm.ClipGrayscale', prob=0.2),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
nano_val_pipeline = [
    dict(type='eva_mm.OpenVideo'),
    dict(type='eva_mm.SampleSegments'),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 84)),
    dict(type='CenterCrop', crop_size=84),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
nano_test_pipeline = [
    dict(type='eva_mm.OpenVideo'),
    dict(type='eva_mm.SampleSegments', num_clips=4),
    dict(type='eva_mm.DecodeFrames'),
    dict(type='Resize', scale=(-1, 84)),
    dict(type='ThreeCrop', crop_size=84),
    dict(type='FormatShape', input_format='NCTHW'),
    dict(type='PackActionInputs'),
]
nano_data = dict(data_root='data/nano/kinetics', metainfo=dict(classes='data/nano/kinetics/classes.txt'))
nano_train = dict(**nano_data, data_prefix=dict(video='train'), ann_file='train_list.txt', pipeline=nano_train_pipeline)
nano_val = dict(**nano_data, data_prefix=dict(video='val'), ann_file='val_list.txt', pipeline=nano_val_pipeline)
nano_test = dict(**nano_data, data_prefix=dict(video='val'), ann_file='val_list.txt', pipeline=nano_test_pipeline)
