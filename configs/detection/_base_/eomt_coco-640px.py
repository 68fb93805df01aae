# EoMT on COCO: 12 epochs at 640 x 640, as released. Configs of panoptic scenes and of instances add data and classes.
_base_ = '../../_base_/eomt.py'

iterations = 88692
square_size = (640, 640)
square = dict(type='BatchFixedSizePad', size=square_size, img_pad_value=0, pad_mask=True, mask_pad_value=0)
# images to be tested have a longer side of 640 too, and are padded to a square
preprocessor = dict(pad_size_divisor=640)
eomt_model = dict(
    backbone=dict(_delete_=True, **_base_.eomt_backbone, img_size=640),
    panoptic_head=dict(_delete_=True, type='eva_mm.EoMTHead', in_channels=1024),
)
jitter = dict(type='RandomResize', scale=square_size, ratio_range=(0.1, 2.0), keep_ratio=True)
crop = dict(
    type='RandomCrop',
    crop_size=square_size,
    crop_type='absolute',
    recompute_bbox=True,
    allow_negative_crop=True,
)
fit = dict(type='Resize', scale=square_size, keep_ratio=True)
meta_keys = ('img_id', 'img_path', 'ori_shape', 'img_shape', 'scale_factor')
schedule = [
    dict(type='LinearLR', start_factor=1e-3, begin=0, end=1500, by_epoch=False),
    dict(type='PolyLR', power=0.9, eta_min=0, begin=0, end=iterations, by_epoch=False),
]
