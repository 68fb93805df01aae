"""The vision tower of EVA-CLIP, fine-tuned on ImageNet-1K at 336 pixels.

    bash tools/dist_train.sh configs/classification/eva-g-p14_clip-pre_in1k-336px.py 8   # on each of 4 nodes
    python tools/test.py configs/classification/eva-g-p14_clip-pre_in1k-336px.py eva_clip_vis_enc_sz336_ftcls_89p4.pt

Published: top-1 89.38, top-5 98.79 with averaged weights; 32 GPUs with 16 images each.
Numbers: EVA release, README and the log ft_eva_clip_vision_enc_1k_cls_sz336_89p4.txt. The patches are pooled; CLIP's
final norm and projection are not used. The release evaluates the weights in training as well (89.361).
"""

_base_ = ['eva-g-p14_in21k-pre_in1k-336px.py']

model = dict(backbone=dict(init_cfg=dict(checkpoint='checkpoints/eva_clip_psz14_vision_enc.pt')))
optim_wrapper = dict(paramwise_cfg=dict(layer_decay_rate=0.9))
custom_hooks = [dict(type='eva_mm.FP32EMAHook', momentum=1e-4, evaluate_on_origin=True)]
train_cfg = dict(max_epochs=20)
