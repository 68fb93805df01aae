"""EVA-CLIP-g, zero-shot: ImageNet-R.

    python tools/test.py configs/clip/zero-shot_in-r.py eva_clip_psz14.pt

Published: 92.5 top-1 (release, clip/README.md). Only its 200 classes are chosen from.
"""

_base_ = ['_base_/zero-shot_imagenet-variant.py']

test_dataloader = dict(dataset=dict(ann_file='lists/imagenet-r.json'))
