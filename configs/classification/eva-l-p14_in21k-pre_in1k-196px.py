"""EVA-L, fine-tuned on ImageNet-1K at 196 pixels after ImageNet-21K.

    bash tools/dist_train.sh configs/classification/eva-l-p14_in21k-pre_in1k-196px.py 8   # 512 images a step
    python tools/test.py configs/classification/eva-l-p14_in21k-pre_in1k-196px.py eva_l_psz14_196px_21k_to_1k_ft_88p6.pt

Published: top-1 88.6.
Numbers: no command was published. Epochs, warm-up, batch, learning rate and layer decay are fitted from the log
eva-l_ft_21k_to_1k_cls_sz196_20ep_88p6.txt (exact), which shows no mixing; its final loss of 2.27 to 2.31 suggests a
label smoothing near 0.2. The rest is unknown and stands as in EVA-g's recipe. 8 GPUs are assumed.
"""

_base_ = ['eva-l-p14_in1k-196px.py']

model = dict(
    backbone=dict(init_cfg=dict(checkpoint='checkpoints/eva_l_psz14_21k_ft.pt')),
    head=dict(loss=dict(label_smooth_val=0.2)),
    train_cfg=None,
)
train_dataloader = dict(batch_size=64)
val_dataloader = dict(batch_size=96)
test_dataloader = val_dataloader
optim_wrapper = dict(optimizer=dict(lr=6e-5))
train_cfg = dict(max_epochs=20)
auto_scale_lr = dict(base_batch_size=512)
