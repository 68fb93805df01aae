"""EVA-CLIP-g with LAMB, the optimizer of the nearest published recipe, in plain fp16 without ZeRO.

    bash tools/dist_train.sh configs/clip/eva-clip-g-p14_lamb_laion400m-224px.py 8   # on each of 32 nodes

No figures are published for this combination. LAMB's betas and epsilon: EVA-CLIP/README.md of the EVA repository. ZeRO
flattens each rank's share of the weights into one tensor, while LAMB needs the norm of every weight by itself.
"""

_base_ = ['eva-clip-g-p14_laion400m-224px.py']

strategy = None
optim_wrapper = dict(
    type='AmpOptimWrapper',
    loss_scale='dynamic',
    clip_grad=dict(max_norm=5.0),
    optimizer=dict(_delete_=True, type='mmpretrain.Lamb', lr=5e-4, betas=(0.9, 0.999), eps=1e-8, weight_decay=0.05),
)
