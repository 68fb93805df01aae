# The backbone that configs/nano/pretrain.py trains in about a minute on a CPU.
mim_backbone = dict(
    arch='nano', init_cfg=dict(type='Pretrained', checkpoint='work_dirs/quickstart/pretrain/epoch_8.pth')
)
