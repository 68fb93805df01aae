"""EVA-02-L, pre-trained on Merged-38M, fine-tuned on ImageNet-21K (21,841 classes) at 448 pixels.

    python tools/dataset_converters/make_imagenet_lists.py imagenet21k data/imagenet21k
    bash tools/dist_train.sh configs/classification/eva02-l-p14_mim-m38m_in21k-448px.py 8   # on each of 16 nodes

Published as eva02_L_pt_m38m_medft_in21k_p14.pt, not evaluated.
2048 images a step, which the release has on 8 nodes in two parts.
Numbers: the command in EVA-02/asuka/README.md, and the defaults of run_class_finetuning.py where it is silent.
"""

_base_ = ['_base_/eva02_in21k-448px.py']

model = dict(
    backbone=dict(
        arch='eva02-large', drop_path_rate=0.15, init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_m38m_p14.pt')
    ),
    head=dict(in_channels=1024),
)
train_dataloader = dict(batch_size=16)

optim_wrapper = dict(optimizer=dict(lr=3e-4), paramwise_cfg=dict(layer_decay_rate=0.75))
train_cfg = dict(max_epochs=30)
