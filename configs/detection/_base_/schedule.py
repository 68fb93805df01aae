# How the release trains every detector (EVA-01/det): AdamW, learning rates falling by 0.9 per block, everything decayed,
# norms, biases and tables as well. Clipping is ours, and so is the guard of losses that every run has, against the NaN
# losses that users of the released recipe report; 35 is mmdet's usual bound.
_base_ = 'mmdet::_base_/default_runtime.py'

optim_wrapper = dict(
    type='AmpOptimWrapper',
    dtype='float16',
    clip_grad=dict(max_norm=35.0),
    optimizer=dict(type='AdamW', betas=(0.9, 0.999), weight_decay=0.1),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.9),
)
train_cfg = dict(type='IterBasedTrainLoop', val_interval=5000)
val_cfg = dict(type='ValLoop')
test_cfg = dict(type='TestLoop')
default_hooks = dict(checkpoint=dict(by_epoch=False, interval=5000))
log_processor = dict(by_epoch=False)
