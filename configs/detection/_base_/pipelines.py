# Large-scale jitter onto a fixed square for training, the longest side for testing, as released (EVA-01/det,
# projects/ViTDet/configs/common): detectron2's sizes and crops, Pillow's bilinear filter, boxes from the cropped polygons.
# `boxes` are those without masks. Padding is the data preprocessor's.
def jitter(side, masks):
    return [
        dict(type='LoadImageFromFile'),
        dict(type='eva_mm.LoadPolygons') if masks else dict(type='LoadAnnotations', with_bbox=True),
        dict(type='RandomFlip', prob=0.5),
        dict(type='eva_mm.ScaleJitter', scale=(side, side), ratio_range=(0.1, 2.0)),
        dict(type='eva_mm.FixedSizeCrop', crop_size=(side, side), recompute_bbox=masks),
        # an image stays if the crop leaves none of its objects
        dict(type='FilterAnnotations', min_gt_bbox_wh=(1e-5, 1e-5), keep_empty=False),
        dict(type='PackDetInputs'),
    ]


meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor', 'flip', 'flip_direction')


def longest_side(side, masks):
    return [
        dict(type='LoadImageFromFile'),
        dict(type='eva_mm.PillowResize', scale=(side, side)),
        dict(type='LoadAnnotations', with_bbox=True, with_mask=masks),
        dict(type='PackDetInputs', meta_keys=meta_keys),
    ]


def augmented(sides, masks):
    return [
        dict(type='LoadImageFromFile'),
        dict(
            type='TestTimeAug',
            transforms=[
                [dict(type='eva_mm.PillowResize', scale=(side, side)) for side in sides],
                [dict(type='RandomFlip', prob=prob) for prob in (0.0, 1.0)],
                [dict(type='LoadAnnotations', with_bbox=True, with_mask=masks)],
                [dict(type='PackDetInputs', meta_keys=meta_keys)],
            ],
        ),
    ]


pipelines = dict(
    train_1024=jitter(1024, True),
    train_1280=jitter(1280, True),
    test_1024=longest_side(1024, True),
    test_1280=longest_side(1280, True),
    test_1536=longest_side(1536, True),
    boxes_train_1024=jitter(1024, False),
    boxes_train_1280=jitter(1280, False),
    boxes_test_1024=longest_side(1024, False),
    boxes_test_1280=longest_side(1280, False),
    boxes_test_1536=longest_side(1536, False),
)

# Ours: the release's test-time augmentation is not public. tools/test.py --tta; masks are averaged over all views.
tta_pipeline = augmented((1024, 1280, 1536), True)
boxes_tta_pipeline = augmented((1024, 1280, 1536), False)
tta_model = dict(type='eva_mm.MaskTTAModel')
