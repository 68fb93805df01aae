"""Nano pilot study: 256 codes in place of CLIP features.

python projects/pilot_study/run.py   # all three, fine-tuned and compared
"""

_base_ = ['../../../configs/nano/pretrain.py']

custom_imports = dict(imports=['pilot_heads'])
model = dict(
    head=dict(type='eva_mm.TokenisedFeatureHead', out_channels=256, codebook='work_dirs/pilot_study/codebook.pt')
)
