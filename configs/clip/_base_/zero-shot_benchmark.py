# What the zero-shot configs of CLIP_benchmark's data sets share: class names and sentences are the library's.
_base_ = ['zero-shot_images.py']

test_dataloader = dict(dataset=dict(pipeline=[*_base_.resize, dict(type='PackInputs')]))
