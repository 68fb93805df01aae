# What the nano detectors shrink, under names of their own: a leaf puts them where its parent has the large ones.
_base_ = '../../_base_/eva-nano.py'

# a digit covers as many patches as in pre-training, five or so, and two windows a side cut the image exactly
side, window, channels, head_channels = 160, 5, 48, 32
# 7 bins for an object of 14 patches are 3 for one of 5; with more, the heads read digits from the patches alone
bins = 3
small_boxes = dict(in_channels=channels, conv_out_channels=head_channels, fc_out_channels=96, roi_feat_size=bins)
small_masks = dict(in_channels=channels, conv_out_channels=head_channels)
small_model = dict(
    init_cfg=None,
    data_preprocessor=dict(pad_size_divisor=side),
    backbone=dict(
        **_base_.mim_backbone, img_size=96, window_size=window, rel_pos_img_size=side, drop_path_rate=0.0, with_cp=False
    ),
    neck=dict(in_channels=96, out_channels=channels),
    rpn_head=dict(in_channels=channels, feat_channels=channels, anchor_generator=dict(scales=[4])),
    test_cfg=dict(rpn=dict(nms_pre=200, max_per_img=50), rcnn=dict(max_per_img=20)),
)
# an object of the size of a pre-training image, 84 pixels here and 224 there, is taken from stride 16
small_regions = dict(out_channels=channels, finest_scale=21)
small_box_regions = dict(roi_layer=dict(output_size=bins), **small_regions)
small_rpn = dict(sampler=dict(num=64))
small_proposals = dict(nms_pre=200, max_per_img=50)
sampled_regions = 16

small_train_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='eva_mm.LoadPolygons'),
    dict(type='RandomFlip', prob=0.0),  # a mirrored digit is another sign
    dict(type='eva_mm.ScaleJitter', scale=(side, side), ratio_range=(0.75, 1.5)),
    dict(type='eva_mm.FixedSizeCrop', crop_size=(side, side), recompute_bbox=True),
    dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-5, 1e-5), keep_empty=False),
    dict(type='PackDetInputs'),
]
small_meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction')
small_test_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(type='eva_mm.PillowResize', scale=(side, side)),
    dict(type='LoadAnnotations', with_bbox=True, with_mask=True),
    dict(type='PackDetInputs', meta_keys=small_meta_keys),
]
small_tta_pipeline = [
    dict(type='LoadImageFromFile'),
    dict(
        type='TestTimeAug',
        transforms=[
            [dict(type='eva_mm.PillowResize', scale=(view, view)) for view in (128, side)],
            [dict(type='RandomFlip', prob=0.0)],
            [dict(type='LoadAnnotations', with_bbox=True, with_mask=True)],
            [dict(type='PackDetInputs', meta_keys=small_meta_keys)],
        ],
    ),
]
small_optim = dict(
    _delete_=True,
    type='OptimWrapper',
    clip_grad=dict(max_norm=35.0),
    optimizer=dict(type='AdamW', lr=1e-3, betas=(0.9, 0.999), weight_decay=0.1),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9),
)
