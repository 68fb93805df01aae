"""EVA-CLIP-g, zero-shot: Kinetics-600, centre frame.

    python tools/test.py configs/clip/zero-shot_k600.py eva_clip_psz14.pt

Published: 64.38, the mean of top-1 and top-5 (release, clip/README.md). 28 sentences for each class, from OpenAI's CLIP.
"""

_base_ = ['_base_/zero-shot_videos.py']

model = dict(zero_shot=dict(classes='data/k722/classes_k600.txt', templates='kinetics'))
test_dataloader = dict(dataset=dict(ann_file='k722/k600_val.txt'))
