# The MIM-pretrained EVA that every task of this size starts from; the file is named as on the public hub.
mim_backbone = dict(arch='giant', init_cfg=dict(type='Pretrained', checkpoint='checkpoints/eva_psz14.pt'))
