"""EVA-CLIP-g, zero-shot: ImageNet-1K.

    python tools/test.py configs/clip/zero-shot_in1k.py eva_clip_psz14.pt

Published: 78.53 top-1 (release, clip/README.md; the paper has 78.2 after a shorter training). 80 sentences for each class,
from OpenAI's CLIP.
"""

_base_ = ['_base_/zero-shot_images.py']

test_dataloader = dict(dataset=dict(type='ImageNet', data_root='data/imagenet', split='val'))
