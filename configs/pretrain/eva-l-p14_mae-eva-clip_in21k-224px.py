"""EVA-L: MAE-style regression of EVA-CLIP's patch features on ImageNet-21K.

    bash tools/dist_train.sh configs/pretrain/eva-l-p14_mae-eva-clip_in21k-224px.py 8   # on each node; 4096 images a step

Published: training loss -0.5890 to -0.7464 over 150 epochs of 3466 steps.
Numbers: no command was published; they are fitted from the release's log and read from modeling_mae_pretrain.py. The
teacher's width of 1024 follows from the logged parameter count. Drop path, gradient clipping and augmentation of this
run are unknown and stand as in EVA-g's recipe, but for drop path, which MAE does not have. The released loss has the
wrong sign; the log shows that the run behind it had the right one.
"""

_base_ = ['eva-g-p14_mim-clip-l_merged30m-224px.py']

model = dict(
    backbone=dict(type='eva_mm.EVAMAEViT', arch='large', mask_ratio=0.75, drop_path_rate=0.0),
    head=dict(embed_dims=512, out_channels=1024, init_std=None),
    # export checkpoints/eva_clip_psz14.pt with tools/model_converters/convert_eva.py --task clip --to open_clip
    target_generator=dict(model='local-dir:checkpoints/eva_clip_psz14_open_clip', pretrained=None),
)

train_dataloader = dict(
    dataset=dict(
        data_root='data/imagenet21k',
        sources=dict(_delete_=True, in21k='.'),
        pipeline=[
            dict(type='RandomFlip', prob=0.5),
            dict(type='eva_mm.PillowRandomResizedCrop', scale=224, crop_ratio_range=(0.2, 1.0)),
            dict(type='PackInputs'),
        ],
    )
)
# no mask of its own: the model hides a random 75 % in the validation as well
val_dataloader = dict(
    dataset=dict(pipeline=[step for step in _base_.val_dataloader.dataset.pipeline if 'Mask' not in step.type])
)
optim_wrapper = dict(optimizer=dict(lr=2.4e-3, betas=(0.9, 0.95)))
param_scheduler = dict(eta_min_ratio=1e-5 / 2.4e-3)
