"""EVA-CLIP-g, zero-shot: ImageNet-V2, matched frequency.

    python tools/test.py configs/clip/zero-shot_in-v2.py eva_clip_psz14.pt

Published: 71.52 top-1 (release, clip/README.md).
"""

_base_ = ['_base_/zero-shot_imagenet-variant.py']

test_dataloader = dict(dataset=dict(ann_file='lists/imagenet-v2.json'))
