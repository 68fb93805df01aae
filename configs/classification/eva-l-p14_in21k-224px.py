"""EVA-L, fine-tuned on ImageNet-21K (21,841 classes).

    python tools/dataset_converters/make_imagenet_lists.py imagenet21k data/imagenet21k
    bash tools/dist_train.sh configs/classification/eva-l-p14_in21k-224px.py 8   # on each of 8 nodes; 4096 images a step

Numbers: no command was published. Epochs, warm-up, learning rate and layer decay are fitted from the log
eva-l_intermed_ft_21k_90ep_sz224.txt (exact), which also shows that mixup or CutMix was on. It has 3439 steps in an
epoch where EVA-g has 3466, so its batch of 4096 or its list of images differs; EVA-g's stand here, as does everything
else that the log does not tell.
"""

_base_ = ['eva-g-p14_in21k-224px.py']

model = dict(
    backbone=dict(
        arch='large',
        qkv_bias='full',
        patch_grad_scale=1.0,
        attn_fp32=False,
        init_cfg=dict(checkpoint='checkpoints/eva_l_psz14.pt'),
    ),
    head=dict(in_channels=1024),
)
optim_wrapper = dict(optimizer=dict(lr=6e-4), paramwise_cfg=dict(layer_decay_rate=0.75))
param_scheduler = dict(eta_min_ratio=1e-6 / 6e-4)
train_cfg = dict(max_epochs=90)
