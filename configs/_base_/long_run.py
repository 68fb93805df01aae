# What tools/train.py gives to every config of every host, in mmengine's terms; a config for another launcher inherits
# this file. Any iteration can be the last one of a process: checkpoints are complete or absent, a resumed run is that of
# an uninterrupted one, SIGTERM and SIGUSR1 save and exit with code 75 (requeue), non-finite losses and weights are kept
# out, and broken samples are replaced, counted and listed.
#
# A config turns a part off, or sets its options, by the key long_run. The parts are exact_resume, checkpoints, preemption,
# loss_guard and faults:
#
#     long_run = dict(loss_guard=None, faults=dict(policy='refuse'))
_base_ = 'mmpretrain::_base_/default_runtime.py'

train_cfg = dict(type='eva_mm.ResumableEpochLoop')  # eva_mm.ResumableIterLoop where training counts iterations
default_hooks = dict(checkpoint=dict(type='eva_mm.SafeCheckpointHook'))
custom_hooks = [
    dict(type='eva_mm.StepSeedHook'),
    dict(type='eva_mm.PreemptionHook'),
    dict(type='eva_mm.LossGuardHook'),
    dict(type='eva_mm.FaultHook'),
]
