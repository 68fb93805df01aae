"""EVA-CLIP-g, zero-shot: Kinetics-700, centre frame.

    python tools/test.py configs/clip/zero-shot_k700.py eva_clip_psz14.pt

Published: 58.4, the mean of top-1 and top-5 (release, clip/README.md). 28 sentences for each class, from OpenAI's CLIP.
"""

_base_ = ['_base_/zero-shot_videos.py']

model = dict(zero_shot=dict(classes='data/k722/classes_k700.txt', templates='kinetics'))
test_dataloader = dict(dataset=dict(ann_file='k722/k700_val.txt'))
