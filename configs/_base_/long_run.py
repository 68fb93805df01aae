# What a run of weeks on many machines needs: any iteration can be the last one of a process. Checkpoints are complete or
# absent, a resumed run is that of an uninterrupted one, and SIGTERM or SIGUSR1 saves and exits with code 75 (requeue).
# A leaf sets train_cfg.max_epochs and how often to save.
_base_ = 'mmpretrain::_base_/default_runtime.py'

train_cfg = dict(type='eva_mm.ResumableEpochLoop')
default_hooks = dict(checkpoint=dict(type='eva_mm.SafeCheckpointHook', max_keep_ckpts=3))
custom_hooks = [dict(type='eva_mm.StepSeedHook'), dict(type='eva_mm.PreemptionHook')]
