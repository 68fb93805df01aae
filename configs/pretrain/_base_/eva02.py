# What the pre-trainings of EVA-02 share. Source: the release's EVA-02/asuka, README and run_eva02_pretraining.py, its
# defaults where the README is silent. Masks, crops, loss, optimizer, clipping and precision are EVA-g's. The teacher is
# EVA-CLIP-g; the patch embedding gets a tenth of its gradient; the predictor starts from Xavier's normal distribution.
_base_ = ['../eva-g-p14_mim-clip-l_merged30m-224px.py']

model = dict(
    backbone=dict(arch='eva02-large', patch_grad_scale=0.1),
    head=dict(embed_dims=1024, out_channels=1024, init_cfg=dict(type='Xavier', layer='Linear', distribution='normal')),
    # export checkpoints/eva_clip_psz14.pt with tools/model_converters/convert_eva.py --task clip --to open_clip
    target_generator=dict(model='local-dir:checkpoints/eva_clip_psz14_open_clip', pretrained=None),
)
train_dataloader = dict(dataset=dict(data_root='data/imagenet21k', sources=dict(_delete_=True, in21k='.')))
optim_wrapper = dict(optimizer=dict(lr=1.5e-3))
param_scheduler = dict(warmup_epochs=1, eta_min_ratio=1e-5 / 1.5e-3)
randomness = dict(seed=88, diff_rank_seed=True)
auto_scale_lr = dict(base_batch_size=2048)
