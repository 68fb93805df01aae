"""Nano EVA, pre-trained for longer and on the images of COCO and ADE20K as well, as EVA-g is: what the studies start from.

    python tools/train.py configs/nano/pretrain_merged.py

Needs data/nano and a nano CLIP in work_dirs/study/teacher (projects/quickstart/train_clip.py --epochs 40); `make study`
makes both. Of COCO and ADE20K the training images are read, without their labels.
"""

_base_ = 'pretrain.py'

model = dict(target_generator=dict(model='local-dir:work_dirs/study/teacher'))
train_dataloader = dict(
    dataset=dict(
        data_root='data/nano',
        sources=dict(unlabelled='unlabelled', coco='coco/train2017', ade20k='ade/images/training', _delete_=True),
    )
)
train_cfg = dict(max_epochs=60, val_interval=60)
