# DeepSpeed as the release sets it: fp16 with a dynamic loss scale from 2^16, ZeRO stage 1.
strategy = dict(
    type='eva_mm.EVADeepSpeedStrategy',
    fp16=dict(
        enabled=True, loss_scale=0, initial_scale_power=16, loss_scale_window=500, hysteresis=2, min_loss_scale=1
    ),
    inputs_to_half=['inputs'],
    zero_optimization=dict(stage=1, reduce_bucket_size=500000000),
)
