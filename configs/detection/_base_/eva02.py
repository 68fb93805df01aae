# What detectors of EVA-02 have and EVA-g's have not. Source: the release's EVA-02/det, projects/ViTDet/configs/eva2_* and
# README. The whole backbone is trained, positions turn queries and keys, gradients are not clipped. Those at 1536 pixels
# are tested with linear soft suppression without a cut.
def jitter(masks):
    return [
        dict(type='LoadImageFromFile'),
        dict(type='eva_mm.LoadPolygons') if masks else dict(type='LoadAnnotations', with_bbox=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='eva_mm.ScaleJitter', scale=(1536, 1536), ratio_range=(0.1, 2.0)),
        dict(type='eva_mm.FixedSizeCrop', crop_size=(1536, 1536), recompute_bbox=masks),
        dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-5, 1e-5), keep_empty=False),
        dict(type='PackDetInputs'),
    ]


def schedule(iterations, warmup):
    # one step longer than the warm-up: the factor reaches 1 at step `warmup`, as released
    return [
        dict(type='LinearLR', start_factor=0.001, by_epoch=False, begin=0, end=warmup + 1),
        dict(
            type='MultiStepLR',
            by_epoch=False,
            begin=0,
            end=iterations,
            milestones=[iterations * 8 // 10, iterations * 9 // 10],
            gamma=0.1,
        ),
    ]


eva02 = dict(
    backbone=dict(freeze_patch_embed=False, rel_pos_img_size=None),
    train_1536=jitter(True),
    boxes_train_1536=jitter(False),
    soft_nms=dict(_delete_=True, type='soft_nms', iou_threshold=0.6, method='linear', min_score=1e-3),
    schedule_40k=schedule(40000, 1000),
    schedule_50k=schedule(50000, 1000),
    schedule_60k=schedule(60000, 1000),
    schedule_400k=schedule(400000, 5000),
)
