"""EVA-base on COCO in the way of ViTDet, sized for one GPU of 24 GB.

    python tools/train.py configs/detection/cascade-mask-rcnn_eva-b-p16_lsj-1024_coco.py

Nothing of this size was released, so no result is known. Learning rate for batch 64, layer decay, stochastic depth,
global blocks and the schedule of 184,375 iterations (100 epochs of batch 64) are ViTDet's for this size (arXiv
2203.16527); heads and data are the released EVA's. Four images at a time are accumulated to a batch of 64.
"""

_base_ = ['cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py', '../_base_/eva-base.py']

model = dict(
    init_cfg=None,
    data_preprocessor=dict(pad_size_divisor=1024),
    backbone=dict(
        **_base_.mim_backbone,
        drop_path_rate=0.1,
        global_attn_indexes=(2,5,8,11),
        rel_pos_img_size=1024),
    neck=dict(in_channels=768))

train_dataloader = dict(batch_size=4, dataset=dict(pipeline=_base_.pipelines.train_1024))
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1024))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.test_1024))
