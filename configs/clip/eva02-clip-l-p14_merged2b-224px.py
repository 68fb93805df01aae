"""EVA02_CLIP_L_psz14_s4B: contrastive training on 2 billion pairs, of LAION-2B and COYO-700M.

    bash tools/dist_train.sh configs/clip/eva02-clip-l-p14_merged2b-224px.py 8   # on each of 16 nodes
    python tools/test.py configs/clip/eva02-clip-l-p14_merged2b-224px.py EVA02_CLIP_L_psz14_s4B.pt

Published: 79.8 zero-shot top-1 on ImageNet-1K, 71.2 text-to-image R@5 on COCO; 128 GPUs with 1024 pairs each. Numbers and
what differs: as eva02-clip-b-p16_merged2b-224px.py.
"""

_base_ = ['eva02-clip-b-p16_merged2b-224px.py']

model = dict(
    embed_dim=768,
    visual=dict(arch='eva02-clip-large', patch_size=14, init_cfg=dict(checkpoint='checkpoints/EVA02_L_psz14.pt')),
    text=dict(width=768, heads=12, init_cfg=dict(checkpoint='checkpoints/ViT-L-14.pt')),
)
train_dataloader = dict(batch_size=1024)
optim_wrapper = dict(
    paramwise_cfg=dict(towers={'visual.': dict(lr_mult=0.8, layer_decay_rate=0.85), 'text.': dict(lr_mult=0.08)})
)
train_cfg = dict(max_iters=32000)
