"""Nano pilot study: EVA's own pretext task.

python projects/pilot_study/run.py   # all three, fine-tuned and compared
"""

_base_ = ['../../../configs/nano/pretrain.py']
