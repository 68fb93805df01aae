"""EVA-CLIP-g, zero-shot: ImageNet-A.

    python tools/test.py configs/clip/zero-shot_in-a.py eva_clip_psz14.pt

Published: 73.59 top-1 (release, clip/README.md). Only its 200 classes are chosen from.
"""

_base_ = ['_base_/zero-shot_imagenet-variant.py']

test_dataloader = dict(dataset=dict(ann_file='lists/imagenet-a.json'))
