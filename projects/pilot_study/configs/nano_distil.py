"""Nano pilot study: CLIP features of all patches, nothing hidden.

python projects/pilot_study/run.py   # all three, fine-tuned and compared
"""

_base_ = ['../../../configs/nano/pretrain.py']

custom_imports = dict(imports=['pilot_heads'])
pipeline = _base_.train_dataloader.dataset.pipeline
pipeline[2] = dict(type='eva_mm.NothingHidden', grid_size=6)
model = dict(head=dict(type='eva_mm.DistillationHead'))
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = val_evaluator = val_cfg = None
