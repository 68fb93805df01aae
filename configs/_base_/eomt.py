# What EoMT (arXiv 2503.19108) has in every host: trunks of large size, rates, schedule and annealing of its release.
#
# What differs from the release: one linear warm-up of all rates instead of one for the queries, mask module and head over
# 500 steps and a second for the trunk over the 1,000 that follow.
eomt_backbone = dict(type='eva_mm.EVAViTEoMT', patch_size=16, num_queries=200, num_query_blocks=4, with_cp=True)
dinov2 = dict(
    arch='dinov2-large-reg',
    init_cfg=dict(type='Pretrained', checkpoint='checkpoints/dinov2_vitl14_reg4_pretrain.pth'),
)
dinov3 = dict(
    arch='dinov3-large',
    init_cfg=dict(type='Pretrained', checkpoint='checkpoints/dinov3_vitl16_pretrain_lvd1689m.pth'),
)
eva02 = dict(arch='eva02-large', init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva02_L_pt_m38m_p14to16.pt'))

eomt_optim = dict(
    _delete_=True,
    type='AmpOptimWrapper',
    clip_grad=dict(max_norm=0.01),
    optimizer=dict(type='AdamW', lr=1e-4, weight_decay=0.05),
    constructor='eva_mm.LayerDecayOptimWrapperConstructor',
    paramwise_cfg=dict(layer_decay_rate=0.8),
)
eomt_hooks = [dict(type='eva_mm.MaskAnnealingHook')]
