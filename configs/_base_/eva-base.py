# No base size was released: pre-train one, or start from scratch with mim_backbone.init_cfg=None.
mim_backbone = dict(arch='base', init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_base_psz14.pt'))
