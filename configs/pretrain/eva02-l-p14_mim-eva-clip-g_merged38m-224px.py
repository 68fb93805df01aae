"""EVA-02-L: masked image modelling against EVA-CLIP-g on Merged-38M.

    bash tools/dist_train.sh configs/pretrain/eva02-l-p14_mim-eva-clip-g_merged38m-224px.py 8   # on each of 8 nodes

Published as eva02_L_pt_m38m_p14.pt: 64 GPUs with 32 images each, 56 epochs.
Merged-38M: ImageNet-21K, CC12M, CC3M, COCO train2017, ADE20K train, Objects365 and OpenImages v6. It holds training
images of COCO, so LVIS, whose validation images are among these, is fine-tuned from ImageNet-21K's model.
Numbers: the command in EVA-02/asuka/README.md.
"""

_base_ = ['eva02-l-p14_mim-eva-clip-g_in21k-224px.py']

train_dataloader = dict(
    dataset=dict(
        data_root='data/merged38m',
        sources=dict(
            _delete_=True,
            in21k='in21k',
            cc12m='cc12m',
            cc3m='cc3m',
            coco='coco',
            ade20k='ade20k',
            o365='o365',
            openimages='openimages',
        ),
    )
)
train_cfg = dict(max_epochs=56)
