# The released detector around any EVA backbone: facts of EVA-01/det (configs/common/models, projects/ViTDet/configs).
# A leaf sets backbone.arch, neck.in_channels, num_classes of the heads, and what it trains on.
num_classes = 80
norm = dict(type='eva_mm.LN2d', eps=1e-6)
l1 = dict(type='L1Loss', loss_weight=1.0)
# detectron2's start of the box heads; its c2_xavier_fill looks at the inputs alone
box_start = [
    dict(type='Normal', std=0.01, override=dict(name='fc_cls')),
    dict(type='Normal', std=0.001, override=dict(name='fc_reg')),
    dict(type='Caffe2Xavier', override=dict(name='shared_fcs')),
]
regions = dict(out_channels=256, featmap_strides=[4, 8, 16, 32])
nms = dict(type='nms', iou_threshold=0.7)

model = dict(
    type='eva_mm.EVACascadeRCNN',
    data_preprocessor=dict(
        type='DetDataPreprocessor',
        mean=[123.675, 116.28, 103.53],
        std=[58.395, 57.12, 57.375],
        bgr_to_rgb=True,
        pad_mask=True,
        pad_size_divisor=1280,
    ),  # a square, padded with zeros after normalisation
    backbone=dict(type='eva_mm.EVAViTDet', img_size=224, patch_size=16, window_size=16, rel_pos_img_size=1280),
    neck=dict(type='eva_mm.SimpleFeaturePyramid', out_channels=256),
    rpn_head=dict(
        type='RPNHead',
        num_convs=2,
        in_channels=256,
        feat_channels=256,
        anchor_generator=dict(type='AnchorGenerator', scales=[8], ratios=[0.5, 1.0, 2.0], strides=[4, 8, 16, 32, 64]),
        bbox_coder=dict(type='DeltaXYWHBBoxCoder', target_means=[0.0] * 4, target_stds=[1.0] * 4),
        loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=True, loss_weight=1.0),
        loss_bbox=l1,
    ),
    roi_head=dict(
        type='eva_mm.EVACascadeRoIHead',
        num_stages=3,
        stage_loss_weights=[1.0, 1.0, 1.0],
        bbox_roi_extractor=dict(
            type='SingleRoIExtractor', roi_layer=dict(type='RoIAlign', output_size=7, sampling_ratio=0), **regions
        ),
        bbox_head=[
            dict(
                type='Shared4Conv1FCBBoxHead',
                in_channels=256,
                conv_out_channels=256,
                fc_out_channels=1024,
                roi_feat_size=7,
                num_classes=num_classes,
                norm_cfg=norm,
                init_cfg=box_start,
                reg_class_agnostic=True,
                bbox_coder=dict(
                    type='DeltaXYWHBBoxCoder',
                    target_means=[0.0] * 4,
                    target_stds=[1 / weight, 1 / weight, 2 / weight, 2 / weight],
                ),
                loss_cls=dict(type='CrossEntropyLoss', use_sigmoid=False, loss_weight=1.0),
                loss_bbox=l1,
            )
            for weight in (10, 20, 30)
        ],
        mask_roi_extractor=dict(
            type='SingleRoIExtractor', roi_layer=dict(type='RoIAlign', output_size=14, sampling_ratio=0), **regions
        ),
        mask_head=dict(
            type='FCNMaskHead',
            num_convs=4,
            in_channels=256,
            conv_out_channels=256,
            num_classes=num_classes,
            norm_cfg=norm,
            loss_mask=dict(type='CrossEntropyLoss', use_mask=True, loss_weight=1.0),
        ),
    ),
    train_cfg=dict(
        rpn=dict(
            assigner=dict(
                type='eva_mm.OwnBestAssigner',
                pos_iou_thr=0.7,
                neg_iou_thr=0.3,
                min_pos_iou=0.0,
                match_low_quality=True,
                ignore_iof_thr=-1,
            ),
            sampler=dict(type='RandomSampler', num=256, pos_fraction=0.5, neg_pos_ub=-1, add_gt_as_proposals=False),
            allowed_border=-1,
            pos_weight=-1,
            debug=False,
        ),
        rpn_proposal=dict(nms_pre=2000, max_per_img=1000, nms=nms, min_bbox_size=0),
        rcnn=[
            dict(
                assigner=dict(
                    type='MaxIoUAssigner',
                    pos_iou_thr=overlap,
                    neg_iou_thr=overlap,
                    min_pos_iou=overlap,
                    match_low_quality=False,
                    ignore_iof_thr=-1,
                ),
                sampler=sampler,
                mask_size=28,
                pos_weight=-1,
                debug=False,
            )
            for overlap, sampler in (
                (0.5, dict(type='RandomSampler', num=512, pos_fraction=0.25, neg_pos_ub=-1, add_gt_as_proposals=True)),
                (0.6, dict(type='PseudoSampler')),
                (0.7, dict(type='PseudoSampler')),
            )
        ],
    ),
    test_cfg=dict(
        rpn=dict(nms_pre=1000, max_per_img=1000, nms=nms, min_bbox_size=0),
        rcnn=dict(score_thr=0.05, nms=dict(type='nms', iou_threshold=0.5), max_per_img=100, mask_thr_binary=0.5),
    ),
)
