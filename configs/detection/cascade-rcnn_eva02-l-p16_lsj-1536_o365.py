"""EVA-02-L on Objects365 at 1536 pixels, from masked image modelling on Merged-38M: what COCO starts from.

    bash tools/dist_train.sh configs/detection/cascade-rcnn_eva02-l-p16_lsj-1536_o365.py 8   # on each of 20 nodes

Published as eva02_L_m38m_to_o365, without a result. Batch 160 in all: batch_size is that of one of 160 GPUs. Training and
validation images are used, and there are no masks.
Numbers: EVA-02/det, eva2_o365/..._l_8attn_1536.
"""

_base_ = ['cascade-rcnn_eva-g-p16_lsj-1024_o365.py', '_base_/eva02.py']

model = dict(
    data_preprocessor=dict(pad_size_divisor=1536),
    backbone=dict(
        **_base_.eva02.backbone,
        arch='eva02-large',
        global_attn_indexes=(2, 5, 8, 11, 14, 17, 20, 23),
        drop_path_rate=0.4,
        with_cp=False,
        init_cfg=dict(checkpoint='checkpoints/eva02_L_pt_m38m_p14to16.pt'),
    ),
    neck=dict(in_channels=1024),
)
train_dataloader = dict(
    dataset=dict(
        datasets=[
            dict(part, pipeline=_base_.eva02.boxes_train_1536) for part in _base_.train_dataloader.dataset.datasets
        ]
    )
)
val_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1536))
test_dataloader = dict(dataset=dict(pipeline=_base_.pipelines.boxes_test_1536))

optim_wrapper = dict(clip_grad=None, optimizer=dict(lr=6e-5), paramwise_cfg=dict(layer_decay_rate=0.8))
train_cfg = dict(max_iters=400000, val_interval=10000)
param_scheduler = _base_.eva02.schedule_400k
