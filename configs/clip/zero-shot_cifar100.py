"""EVA-CLIP-g, zero-shot: CIFAR-100.

    python tools/test.py configs/clip/zero-shot_cifar100.py eva_clip_psz14.pt

Published: 88.66 top-1 (release, clip/benchmark.md). 18 sentences for each class, from OpenAI's CLIP;
names with underscores, as CLIP_benchmark has them.
"""

_base_ = ['_base_/zero-shot_images.py']

# CIFAR is read as RGB
model = dict(zero_shot=dict(classes='cifar100', templates='cifar'), data_preprocessor=dict(bgr_to_rgb=False))
test_dataloader = dict(
    dataset=dict(
        type='CIFAR100', data_root='data/cifar100', split='test', pipeline=[*_base_.resize, dict(type='PackInputs')]
    )
)
