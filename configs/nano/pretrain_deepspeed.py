"""Nano EVA through DeepSpeed ZeRO-1 on two processes; gloo on a CPU, NCCL on GPUs.

    torchrun --nproc_per_node=2 tools/train.py configs/nano/pretrain_deepspeed.py --launcher pytorch

A run that was stopped and resumed (--resume) has the losses of an uninterrupted one.
"""

_base_ = ['pretrain.py']

strategy = dict(
    _delete_=True, type='eva_mm.EVADeepSpeedStrategy', zero_optimization=dict(stage=1), gradient_clipping=3.0
)
optim_wrapper = dict(
    _delete_=True,
    type='DeepSpeedOptimWrapper',
    optimizer=_base_.optim_wrapper.optimizer,
    constructor=_base_.optim_wrapper.constructor,
    paramwise_cfg=_base_.optim_wrapper.paramwise_cfg,
)
