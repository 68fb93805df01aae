"""EVA-g: Kinetics-400, 16 frames, from Kinetics-722.

    bash tools/dist_train.sh configs/video/eva-g-p14_16f-224_k400.py 8   # on each of 8 nodes

Published: 89.7 top-1 with 4 clips x 3 crops (89.686 in ft_k400_log.txt), after one epoch of 916 iterations of 256 clips.
Numbers: kinetics400_ft.yaml of the release; its log ran 128 GPUs with 2 accumulated batches instead of 64 with 4. The
learning rate is constant. The release draws the frames of its 4 clips at random, so its number changes from run to run:
SampleSegments(random=True) in the test pipeline does the same.
"""

_base_ = ['eva-g-p14_8f-224_k722.py']

model = dict(
    backbone=dict(num_frames=16, drop_path_rate=0.2, init_cfg=dict(checkpoint='checkpoints/eva_video_k722.pth')),
    cls_head=dict(
        num_classes=400, start_from=dict(checkpoint='checkpoints/eva_video_k722.pth', rows='data/k722/rows_k400.txt')
    ),
    data_preprocessor=dict(blending=None),
)

train_dataloader = dict(batch_size=1, dataset=dict(num_frames=16, ann_file='k722/k400_train.txt'))
val_dataloader = dict(dataset=dict(num_frames=16, ann_file='k722/k400_val.txt'))
test_dataloader = dict(dataset=dict(num_frames=16, ann_file='k722/k400_val.txt'))

optim_wrapper = dict(accumulative_counts=4, optimizer=dict(lr=1e-6), paramwise_cfg=dict(layer_decay_rate=0.95))
param_scheduler = []
train_cfg = dict(max_epochs=1)
