"""Pilot study, EVA's own pretext task: regress the CLIP features of hidden patches.

    export PYTHONPATH=projects/pilot_study:$PYTHONPATH
    bash tools/dist_train.sh projects/pilot_study/configs/regress_eva-b-p16_in1k-224px.py 8

The paper compares targets with a ViT-B. Neither the code nor the settings of that comparison are released: this is
EVA-g's recipe with ViT-B/16, OpenAI's CLIP-B/16 as the teacher, the images of ImageNet-1K, the same share of hidden patches
(80 of 196), 300 epochs and a batch of 2048. Its three configs differ in the target alone.
"""

_base_ = ['../../../configs/pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py']

pipeline = _base_.train_dataloader.dataset.pipeline
pipeline[2].update(grid_size=14, num_masked=80)
val_pipeline = _base_.val_dataloader.dataset.pipeline
val_pipeline[3].grid_size = 14

model = dict(
    backbone=dict(arch='base', patch_size=16),
    head=dict(embed_dims=768, out_channels=512),
    target_generator=dict(model='ViT-B-16-quickgelu'),
)
train_dataloader = dict(
    batch_size=256, dataset=dict(data_root='data/imagenet/train', sources=None, index=None, pipeline=pipeline)
)
val_dataloader = dict(batch_size=256, dataset=dict(pipeline=val_pipeline))
train_cfg = dict(max_epochs=300, val_interval=300)
