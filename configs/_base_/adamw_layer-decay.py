# AdamW with the released rule of weight decay: none for 1-D parameters, biases, positions and the class token.
# A leaf sets lr, betas and, for fine-tuning, paramwise_cfg.layer_decay_rate.
# optimizer.fused=True makes each step one kernel, on GPUs and CPUs, with and without DeepSpeed. The results differ by
# rounding, and a step after a resumption would not be the one that an older run had made: so it is not the default.
optim_wrapper = dict(
    optimizer=dict(type='AdamW', weight_decay=0.05),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(
        norm_decay_mult=0.0,
        bias_decay_mult=0.0,
        flat_decay_mult=0.0,
        custom_keys={
            '.pos_embed': dict(decay_mult=0.0),
            '.cls_token': dict(decay_mult=0.0),
        },
    ),
)
