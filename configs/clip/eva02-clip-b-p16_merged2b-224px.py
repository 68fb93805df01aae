"""EVA02_CLIP_B_psz16_s8B: contrastive training on 2 billion pairs, of LAION-2B and COYO-700M.

    bash tools/dist_train.sh configs/clip/eva02-clip-b-p16_merged2b-224px.py 8   # on each of 8 nodes
    python tools/test.py configs/clip/eva02-clip-b-p16_merged2b-224px.py EVA02_CLIP_B_psz16_s8B.pt

Published: 74.7 zero-shot top-1 on ImageNet-1K, 66.9 text-to-image R@5 on COCO; 64 GPUs with 2048 pairs each. Numbers: the
command in EVA-CLIP/README.md of the EVA repository. 200 times 40 million pairs, each 320 iterations after open_clip's
rounding. Its ZeRO-1, which changes no value, does not go with LAMB here, see eva-clip-g-p14_lamb_laion400m-224px.py; LAMB
is computed as by DeepSpeed, with limits on its factor, and gradients are clipped at 5. The command draws as many pairs
from either source, here each pair comes once an epoch. The tower starts from EVA-02-B with patches of 16 and a new norm
in its attention, the text tower from OpenAI's CLIP without its projection.
"""

_base_ = ['eva-clip-g-plus-p14_merged2b-224px.py']

model = dict(
    embed_dim=512,
    visual=dict(
        arch='eva02-clip-base',
        patch_size=16,
        patch_dropout=0.0,
        init_cfg=dict(checkpoint='checkpoints/EVA02_B_psz14to16.pt'),
    ),
    text=dict(width=512, heads=8, layers=12, init_cfg=dict(checkpoint='checkpoints/ViT-B-16.pt')),
)
train_dataloader = dict(batch_size=2048)
optim_wrapper = dict(
    optimizer=dict(type='eva_mm.LAMB'),
    paramwise_cfg=dict(
        towers={
            'visual.': dict(lr_mult=0.4, layer_decay_rate=0.75),
            'text.': dict(lr_mult=0.04, layer_decay_rate=0.75),
        }
    ),
)
train_cfg = dict(max_iters=64000, val_interval=320)
default_hooks = dict(checkpoint=dict(interval=320))
