"""EVA02_CLIP_E_psz14_plus_s9B: EVA02_CLIP_E with the text tower of CLIP-ViT-bigG-14.

    bash tools/dist_train.sh configs/clip/eva02-clip-e-plus-p14_laion2b-224px.py 8   # on each of 18 nodes
    python tools/test.py configs/clip/eva02-clip-e-plus-p14_laion2b-224px.py EVA02_CLIP_E_psz14_plus_s9B.pt

Published: 82.0 zero-shot top-1 on ImageNet-1K, 75.0 text-to-image R@5 on COCO; 144 GPUs with 1000 pairs each. 100 times
40 million pairs, each 280 iterations after open_clip's rounding, though the released file is named after 9 billion. The
published command starts the vision tower from this very file; here it starts from EVA02_E_psz14, as that of the smaller
text tower. All else: as eva02-clip-e-p14_laion2b-224px.py.
"""

_base_ = ['eva02-clip-e-p14_laion2b-224px.py']

model = dict(text=dict(width=1280, heads=20, layers=32))
train_dataloader = dict(batch_size=1000)
train_cfg = dict(max_iters=28000, val_interval=280)
default_hooks = dict(checkpoint=dict(interval=280))
