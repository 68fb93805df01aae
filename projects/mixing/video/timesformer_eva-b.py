"""mmaction2's TimeSformer recipe with joint attention, on EVA-base."""

_base_ = ['mmaction::recognition/timesformer/timesformer_jointST_8xb8-8x32x1-15e_kinetics400-rgb.py']

model = dict(backbone=dict(_delete_=True, type='eva_mm.EVAViTVideo', arch='base', num_frames=8, patch_size=16))
