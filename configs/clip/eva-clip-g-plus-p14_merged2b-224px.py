"""EVA01_CLIP_g_14_plus: contrastive training on 2 billion pairs, of LAION-2B and COYO-700M.

    bash tools/dist_train.sh configs/clip/eva-clip-g-plus-p14_merged2b-224px.py 8   # on each of 14 nodes

Published: 112 A100-40GB, batch 114,688, fp16; 79.3 zero-shot top-1 on ImageNet-1K, 74.0 text-to-image R@5 on COCO. All
values: the command and the table of models in EVA-CLIP/README.md of the EVA repository, sizes and drop path 0 from
EVA01-CLIP-g-14-plus.json beside its code. That command is of 100 epochs of 40 million pairs, each 352 iterations after
open_clip's rounding, though the released file is named after 11 billion pairs: `train_cfg.max_iters=95900` sees as many.
The command draws shards with replacement, here each comes once an epoch; it has ZeRO-1, which changes no value, and
which LAMB here does not go with, see eva-clip-g-p14_lamb_laion400m-224px.py.

Merged-2B is 1.6 billion pairs of LAION-2B and 0.4 billion of COYO-700M. The text tower starts from CLIP-ViT-H-14 of
LAION-2B, `open_clip_pytorch_model.bin` of laion/CLIP-ViT-H-14-laion2B-s32B-b79K, without its projection.
"""

_base_ = ['eva-clip-g-p14_lamb_laion400m-224px.py']

model = dict(
    visual=dict(drop_path_rate=0.0, patch_dropout=0.5),
    text=dict(
        width=1024,
        heads=16,
        layers=24,
        init_cfg=dict(checkpoint='checkpoints/open_clip_pytorch_model.bin', projection=False),
    ),
)
train_dataloader = dict(
    batch_size=1024, num_workers=8, dataset=dict(data_root='data/merged2b', shards=['laion2b/*.tar', 'coyo700m/*.tar'])
)
train_cfg = dict(max_iters=35200, val_interval=352)
default_hooks = dict(checkpoint=dict(interval=352))
randomness = dict(seed=4096, diff_rank_seed=True)
auto_scale_lr = dict(base_batch_size=114688)
