"""EVA-g with ViT-Adapter and Mask2Former on COCO-Stuff-164K.

    bash tools/dist_train.sh configs/segmentation/mask2former_eva-g-p16-adapter_coco-stuff164k-896px.py 8   # on each of 4 nodes
    bash tools/dist_test.sh configs/segmentation/mask2former_eva-g-p16-adapter_coco-stuff164k-896px.py \
        checkpoints/eva_sem_seg_mask2former_cocostuff_53p4.pth 8

Published: 32 A100-40GB; single-scale mIoU 53.36 (53.4 in the paper) at 60k iterations; total training loss 150.27 first,
24.54 last.
Numbers: the release's eva_mask2former_896_60k_cocostuff164k_ss config, its schedule checked against the published log.
The schedules end one iteration later
than the training because mmengine counts the values between their ends.
"""

_base_ = ['_base_/mask2former_eva-g-adapter_896px.py']

num_classes = 171
model = dict(decode_head=dict(num_classes=num_classes, loss_cls=dict(class_weight=[1.0] * num_classes + [0.1])))

coco_stuff = dict(type='COCOStuffDataset', data_root='data/coco_stuff164k')
train_dataloader = dict(
    batch_size=1,
    dataset=dict(**coco_stuff, data_prefix=dict(img_path='images/train2017', seg_map_path='annotations/train2017')),
)
val_dataloader = dict(
    dataset=dict(**coco_stuff, data_prefix=dict(img_path='images/val2017', seg_map_path='annotations/val2017'))
)
test_dataloader = val_dataloader

optim_wrapper = dict(optimizer=dict(lr=1.5e-5), paramwise_cfg=dict(layer_decay_rate=0.95))
param_scheduler = [
    dict(type='LinearLR', start_factor=1e-6, begin=0, end=1501, by_epoch=False),
    dict(type='PolyLR', power=1.0, eta_min=0.0, begin=0, end=60001, by_epoch=False),
]
train_cfg = dict(max_iters=60000)
auto_scale_lr = dict(base_batch_size=32)
