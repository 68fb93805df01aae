"""A recipe at another scale: its learning rate by the batch, its warm-up by the length of the run."""

import logging
from collections.abc import Iterator, Mapping
from typing import Any

from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, Runner

from eva_mm.engine.long_run.accumulation import configured_accumulation
from eva_mm.engine.long_run.defaults import type_name

# share of a run that its warm-up gets where the recipe's is longer than the run
SHORT_WARMUP = 10
_WARMUPS = ('LinearLR', 'LinearParamScheduler', 'ConstantLR', 'ConstantParamScheduler')


def count_accumulation(runner: Runner) -> None:
    """Let ``auto_scale_lr`` scale by the samples of a step; mmengine's leaves accumulated iterations out.

    Args:
        runner: Not trained yet.
    """
    owner, name = (runner.strategy, '_auto_scale_lr') if hasattr(runner, 'strategy') else (runner, 'auto_scale_lr')
    given, accumulated = getattr(owner, name), configured_accumulation(runner.cfg)
    if given and given.get('enable') and accumulated > 1:
        setattr(owner, name, dict(given, base_batch_size=given['base_batch_size'] / accumulated))
        print_log(f'The learning rate is scaled for batches of {accumulated} accumulated iterations.', 'current')


def shorten_warmup(runner: Runner) -> None:
    """Cut warm-ups that are longer than the run to a tenth of it, with a warning.

    Args:
        runner: Its schedulers are still those of the config; its training loop can be built.
    """
    by_epoch = isinstance(runner.train_loop, EpochBasedTrainLoop)
    lengths = {True: runner.max_epochs if by_epoch else None, False: runner.max_iters}
    schedules = list(_schedules(runner.param_schedulers))
    for schedule in schedules:
        for key, unit in _warmups(schedule):
            length, warmup = lengths[unit], schedule[key]
            if not length or warmup <= length or schedule.get('begin', 0):
                continue
            short = length / SHORT_WARMUP if key == 'warmup_epochs' else max(length // SHORT_WARMUP, key == 'end')
            schedule[key] = short
            for other in schedules:  # what began behind the warm-up still does
                if other.get('begin') == warmup:
                    other['begin'] = short
            name = 'epochs' if unit else 'iterations'
            print_log(
                f'The warm-up of {warmup} {name} is longer than the run of {length}: it is cut to {short} {name}; set '
                f'param_scheduler.{key} to choose another.',
                'current',
                logging.WARNING,
            )


def _schedules(given: Any) -> Iterator[Any]:
    if isinstance(given, Mapping):
        if 'type' in given:
            yield given
            return
        given = given.values()
    for part in given or ():
        yield from _schedules(part) if isinstance(part, Mapping | list | tuple) else ()


def _warmups(schedule: Mapping) -> Iterator[tuple[str, bool]]:
    """Keys that say how long a warm-up is, and whether in epochs."""
    if type_name(schedule) in ('eva_mm.EVACosineLR', 'eva_mm.EVACosineParamScheduler'):
        key = 'warmup_iters' if schedule.get('warmup_iters') is not None else 'warmup_epochs'
        if schedule.get(key):
            yield key, key == 'warmup_epochs'
    elif type_name(schedule) in _WARMUPS and 'end' in schedule:
        yield 'end', schedule.get('by_epoch', True)
