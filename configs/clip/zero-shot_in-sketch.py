"""EVA-CLIP-g, zero-shot: ImageNet-Sketch.

    python tools/test.py configs/clip/zero-shot_in-sketch.py eva_clip_psz14.pt

Published: 67.31 top-1 (release, clip/README.md).
"""

_base_ = ['_base_/zero-shot_imagenet-variant.py']

test_dataloader = dict(dataset=dict(ann_file='lists/imagenet-sketch.json'))
