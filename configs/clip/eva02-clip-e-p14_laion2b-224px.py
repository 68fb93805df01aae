"""EVA02_CLIP_E_psz14_s4B: contrastive training on LAION-2B. Its vision tower has the block of EVA-01, normed behind.

    bash tools/dist_train.sh configs/clip/eva02-clip-e-p14_laion2b-224px.py 8   # on each of 18 nodes
    python tools/test.py configs/clip/eva02-clip-e-p14_laion2b-224px.py EVA02_CLIP_E_psz14_s4B.pt

Published: 81.9 zero-shot top-1 on ImageNet-1K, 74.7 text-to-image R@5 on COCO; 144 GPUs with 800 pairs each. 100 times 40
million pairs, each 352 iterations after open_clip's rounding. Numbers and what differs: as
eva02-clip-b-p16_merged2b-224px.py; without ZeRO, weights, gradients and moments alone are 75 GB. The text tower starts
from CLIP-ViT-H-14 of LAION-2B, without its projection. The released loader of such files takes none of its weights, and
says nothing.
"""

_base_ = ['eva02-clip-l-p14_merged2b-224px.py']

model = dict(
    embed_dim=1024,
    visual=dict(
        arch='eva02-clip-enormous', patch_dropout=0.5, init_cfg=dict(checkpoint='checkpoints/EVA02_E_psz14.pt')
    ),
    text=dict(width=1024, heads=16, layers=24, init_cfg=dict(checkpoint='checkpoints/open_clip_pytorch_model.bin')),
)
train_dataloader = dict(batch_size=800, dataset=dict(data_root='data/laion2b', shards='*.tar'))
optim_wrapper = dict(paramwise_cfg=dict(towers={'visual.': dict(layer_decay_rate=0.9)}))
train_cfg = dict(max_iters=35200, val_interval=352)
default_hooks = dict(checkpoint=dict(interval=352))
