"""EVA-g: Kinetics-700, 16 frames, from Kinetics-722.

    bash tools/dist_train.sh configs/video/eva-g-p14_16f-224_k700.py 8   # on each of 8 nodes

Published: 82.9 top-1 with 4 clips x 3 crops (82.892 after epoch 1 of ft_k700_log.txt, of 2,086 iterations of 256 clips;
82.742 after epoch 2).
Numbers: kinetics700_ft.yaml of the release and its log.
"""

_base_ = ['eva-g-p14_16f-224_k400.py']

model = dict(cls_head=dict(num_classes=700, start_from=dict(rows='data/k722/rows_k700.txt')))
train_dataloader = dict(dataset=dict(ann_file='k722/k700_train.txt'))
val_dataloader = dict(dataset=dict(ann_file='k722/k700_val.txt'))
test_dataloader = dict(dataset=dict(ann_file='k722/k700_val.txt'))
train_cfg = dict(max_epochs=2)
