"""EVA-CLIP-g, zero-shot: ObjectNet.

    python tools/test.py configs/clip/zero-shot_objectnet.py eva_clip_psz14.pt

Published: 72.33 top-1 (release, clip/README.md, measured with CLIP_benchmark). The 113 classes that ObjectNet shares with
ImageNet, by ObjectNet's names. CLIP_benchmark leaves the red border of 2 pixels where it is.
"""

_base_ = ['_base_/zero-shot_images.py']

root = 'data/robustness/objectnet-1.0'
model = dict(zero_shot=dict(classes=f'{root}/mappings/objectnet_to_imagenet_1k.json', templates='imagenet'))
test_dataloader = dict(
    dataset=dict(
        type='eva_mm.ObjectNet', data_root=root, pipeline=[_base_.load_image, *_base_.resize, dict(type='PackInputs')]
    )
)
