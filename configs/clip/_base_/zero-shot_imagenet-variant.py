# What the zero-shot configs for ImageNet's variants share: the lists of tools/dataset_converters/make_imagenet_lists.py.
_base_ = ['zero-shot_images.py']

test_dataloader = dict(
    dataset=dict(
        type='eva_mm.RobustnessSet',
        data_root='data/robustness',
        pipeline=[
            _base_.load_image,
            *_base_.resize,
            dict(type='PackInputs', meta_keys=('img_path', 'eval_set', 'labels', 'real_labels', 'candidates')),
        ],
    )
)
test_evaluator = dict(_delete_=True, type='eva_mm.RobustnessTable')
