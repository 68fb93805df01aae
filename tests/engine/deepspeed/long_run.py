"""Toy runs under ZeRO on two processes that are resumed by one, lose steps, or meet a full disk.

torchrun --nproc_per_node=2 long_run.py FOLDER first
python long_run.py FOLDER second
"""

import os
import resource
import sys
from pathlib import Path

import torch
import toy
from mmengine.config import ConfigDict
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import FlexibleRunner

from eva_mm.engine.long_run.checkpoint_store import newest_sound
from eva_mm.process import begin_rank

GLOBAL_BATCH = 4


class State(Hook):
    """All weights and moments, and the losses, as the run sees them."""

    priority = 'LOWEST'

    def __init__(self):
        self.states, self.losses = {}, {}

    def before_train(self, runner):
        """Note what was loaded."""
        if runner.iter:
            self._note(runner)

    def after_train_iter(self, runner, batch_idx, data_batch=None, outputs=None):
        """Note the step."""
        loss = outputs['loss'].detach().float().clone()
        if torch.distributed.is_initialized():
            torch.distributed.all_reduce(loss)
        self.losses[runner.iter] = loss.item() / get_world_size()
        self._note(runner, runner.iter + 1)

    def _note(self, runner, step=None):
        engine = runner.model.model
        moments = engine.optimizer.optimizer.state_dict()['state']
        state = {'loss_scale': torch.tensor(float(engine.optimizer.cur_scale))}
        for name, param in engine.module.named_parameters():
            if param.requires_grad:
                for key in (None, 'exp_avg', 'exp_avg_sq') if moments else (None,):  # none until a step has no overflow
                    state[f'{name}.{key}'] = _whole(engine.optimizer, param, key)
        state['step'] = torch.tensor([float(moments[group]['step']) for group in sorted(moments)])
        self.states[step or runner.iter] = state


def _whole(optimizer, param, key):
    """The fp32 values or a moment of a parameter, of all processes."""
    whole, place = torch.zeros(param.numel()), param._hp_mapping
    if place is not None:
        part = optimizer.single_partition_of_fp32_groups[place.param_group_index]
        part = part if key is None else optimizer.optimizer.state[part][key]
        here, there = place.hp_fragment_address, place.lp_fragment_address
        whole[there.start : there.start + there.numel] = part.detach()[here.start : here.start + here.numel]
    torch.distributed.all_reduce(whole)
    return whole


class Spoil(Hook):
    """NaN in the batch of one process, until the data change."""

    priority = 'VERY_HIGH'

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        """From the sixth iteration on."""
        if runner.iter >= 5 and get_rank() == 0 and not runner.message_hub.runtime_info.get('data_seed_changes'):
            data_batch['inputs'].fill_(float('nan'))


class FullDisk(Hook):
    """Lets no file of one process grow while the checkpoint of an iteration is written."""

    priority = 'ABOVE_NORMAL'

    def __init__(self, iteration):
        self.iteration = iteration
        self.before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def after_train_iter(self, runner, *args, **kwargs):
        """Fill the disk."""
        if runner.iter + 1 == self.iteration and get_rank() == get_world_size() - 1:
            resource.setrlimit(resource.RLIMIT_FSIZE, (100, self.before[1]))

    def before_train_iter(self, *args, **kwargs):
        """Make room."""
        resource.setrlimit(resource.RLIMIT_FSIZE, self.before)


def train(folder, stop=10, resume=False, hooks=()):
    """Train `stop` of 16 iterations and return what was noted."""
    noted = State()
    strategy = dict(
        type='eva_mm.EVADeepSpeedStrategy',
        zero_optimization=dict(stage=1),
        gradient_clipping=3.0,
        fp16=dict(enabled=True, initial_scale_power=5),
    )
    runner = FlexibleRunner(
        model=dict(type='ToyStudent', drop_rate=0.0),
        work_dir=str(folder),
        train_dataloader=dict(
            dataset=dict(type='ToyPoints'),
            batch_size=GLOBAL_BATCH // get_world_size_of_launch(),
            collate_fn=dict(type='default_collate'),
            sampler=dict(type='DefaultSampler', shuffle=True),
        ),
        train_cfg=dict(type='eva_mm.ResumableEpochLoop', max_epochs=1),
        optim_wrapper=dict(
            type='DeepSpeedOptimWrapper',
            optimizer=dict(type='AdamW', lr=1e-2, weight_decay=0.05),
            constructor='eva_mm.LayerDecayOptimWrapperConstructor',
            paramwise_cfg=dict(layer_decay_rate=0.5, flat_decay_mult=0.0),
        ),
        param_scheduler=dict(type='eva_mm.EVACosineLR', by_epoch=False, warmup_iters=3, eta_min_ratio=0.1, end=16),
        strategy=ConfigDict(strategy),
        default_hooks=dict(
            checkpoint=dict(
                type='eva_mm.SafeCheckpointHook', by_epoch=False, interval=4, save_last=False, max_keep_ckpts=3
            )
        ),
        custom_hooks=[noted, dict(type='eva_mm.StepSeedHook'), Stop(stop), *hooks],
        load_from=newest_sound(folder) if resume else None,
        resume=resume,
        launcher='pytorch' if 'RANK' in os.environ else 'none',
        randomness=dict(seed=0),
        log_level='WARNING',
        experiment_name=f'{folder}-{resume}',
    )
    try:
        runner.train()
    except KeyboardInterrupt:
        pass
    return dict(states=noted.states, losses=noted.losses)


class Stop(Hook):
    """Ends a run as a kill would, after the checkpoint of an iteration."""

    priority = 'LOWEST'

    def __init__(self, stop):
        self.stop = stop

    def after_train_iter(self, runner, *args, **kwargs):
        """Leave."""
        if runner.iter + 1 == self.stop:
            raise KeyboardInterrupt


def get_world_size_of_launch():
    """As torchrun says."""
    return int(os.environ.get('WORLD_SIZE', 1))


def main():
    folder, part = Path(sys.argv[1]), sys.argv[2]
    assert toy.ToyStudent  # registered by the import
    results = {}
    if part == 'first':
        results['whole'] = train(folder / 'whole')
        results['first'] = train(folder / 'part', stop=6)
    else:
        results[part] = train(folder / 'part', stop=dict(second=8, third=10)[part], resume=True)
    if part == 'first':
        guard = dict(type='eva_mm.LossGuardHook', patience=2, roll_back=True)
        results['spoilt'] = train(folder / 'spoilt', stop=10, hooks=[Spoil(), guard])
        results['full disk'] = train(folder / 'full', stop=9, hooks=[FullDisk(8)])
    if is_main_process():
        torch.save(results, folder / f'{part}.pth')


if __name__ == '__main__':
    begin_rank()
    main()
