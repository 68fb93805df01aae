"""EVA-CLIP-g, zero-shot: CIFAR-10.

    python tools/test.py configs/clip/zero-shot_cifar10.py eva_clip_psz14.pt

Published: 98.31 top-1 (release, clip/benchmark.md). 18 sentences for each class, from OpenAI's CLIP.
"""

_base_ = ['_base_/zero-shot_images.py']

# CIFAR is read as RGB
model = dict(zero_shot=dict(classes='cifar10', templates='cifar'), data_preprocessor=dict(bgr_to_rgb=False))
test_dataloader = dict(
    dataset=dict(
        type='CIFAR10', data_root='data/cifar10', split='test', pipeline=[*_base_.resize, dict(type='PackInputs')]
    )
)
