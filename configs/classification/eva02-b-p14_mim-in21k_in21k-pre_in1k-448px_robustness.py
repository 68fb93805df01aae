"""The robustness table of EVA-02-B: one network on ImageNet-1K, its five variants and ObjectNet.

    python tools/test.py configs/classification/eva02-b-p14_mim-in21k_in21k-pre_in1k-448px_robustness.py \
        eva02_B_pt_in21k_medft_in21k_ft_in1k_p14.pt

Published top-1: ImageNet-1K 88.570, V2 79.8, ReaL 90.8, A 78.1, R 76.8, Sketch 57.7, ObjectNet 55.3.
Protocol and data as for EVA-02-L.
"""

_base_ = ['eva02-l-p14_mim-m38m_in21k-pre_in1k-448px_robustness.py']

model = dict(backbone=dict(arch='eva02-base', init_cfg=None), head=dict(in_channels=768))
