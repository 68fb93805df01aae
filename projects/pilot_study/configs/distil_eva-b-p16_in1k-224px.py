"""Pilot study, the rival without masks: regress the CLIP features of all patches of a whole image.

export PYTHONPATH=projects/pilot_study:$PYTHONPATH
bash tools/dist_train.sh projects/pilot_study/configs/distil_eva-b-p16_in1k-224px.py 8
"""

_base_ = ['regress_eva-b-p16_in1k-224px.py']

custom_imports = dict(imports=['pilot_heads'])
pipeline = _base_.pipeline
pipeline[2] = dict(type='eva_mm.NothingHidden', grid_size=14)
model = dict(head=dict(type='eva_mm.DistillationHead'))
train_dataloader = dict(dataset=dict(pipeline=pipeline))
val_dataloader = val_evaluator = val_cfg = None
