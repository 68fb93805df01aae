# EVA-02's block at the size of the nano EVA; configs/nano/pretrain_eva02.py trains it in about a minute on a CPU.
mim_backbone = dict(
    arch=dict(_delete_=True, name='eva02-base', embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=256),
    init_cfg=dict(type='Pretrained', checkpoint='work_dirs/quickstart/pretrain_eva02/epoch_8.pth'),
)
