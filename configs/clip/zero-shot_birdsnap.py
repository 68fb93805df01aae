"""EVA-CLIP-g, zero-shot: Birdsnap.

    python tools/test.py configs/clip/zero-shot_birdsnap.py eva_clip_psz14.pt

Published: 50 top-1 (release, clip/benchmark.md). CLIP_benchmark does not have it: the sentence is that of OpenAI's
CLIP, the names are those of the 500 folders in `data/birdsnap/test/`.
"""

_base_ = ['_base_/zero-shot_images.py']

model = dict(zero_shot=dict(classes='data/birdsnap/test', templates=('a photo of a {}, a type of bird.',)))
test_dataloader = dict(dataset=dict(type='CustomDataset', data_root='data/birdsnap', data_prefix='test'))
