"""EVA-g: Kinetics-600, 16 frames, from Kinetics-722.

    bash tools/dist_train.sh configs/video/eva-g-p14_16f-224_k600.py 8   # on each of 8 nodes

Published: 89.8 top-1 with 4 clips x 3 crops (89.755 and 89.808 after the two epochs, of 1,612 iterations of 256 clips,
in ft_k600_log.txt).
Numbers: kinetics600_ft.yaml of the release and its log.
"""

_base_ = ['eva-g-p14_16f-224_k400.py']

model = dict(cls_head=dict(num_classes=600, start_from=dict(rows='data/k722/rows_k600.txt')))
train_dataloader = dict(dataset=dict(ann_file='k722/k600_train.txt'))
val_dataloader = dict(dataset=dict(ann_file='k722/k600_val.txt'))
test_dataloader = dict(dataset=dict(ann_file='k722/k600_val.txt'))
train_cfg = dict(max_epochs=2)
