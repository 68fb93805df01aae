"""EVA-CLIP-g, zero-shot: UCF-101, centre frame.

    python tools/test.py configs/clip/zero-shot_ucf101.py eva_clip_psz14.pt

Published: 76.05 top-1 (release, clip/README.md). Which of its splits is not said there; this is test split 1. 48 sentences
for each class, from OpenAI's CLIP. classInd.txt is of the official annotations; the list has a path and a label from 0 in
each line.
"""

_base_ = ['_base_/zero-shot_videos.py']

model = dict(zero_shot=dict(classes='data/ucf101/annotations/classInd.txt', templates='ucf101'))
test_dataloader = dict(
    dataset=dict(data_prefix=dict(video='ucf101/videos'), ann_file='ucf101/ucf101_val_split_1_videos.txt')
)
