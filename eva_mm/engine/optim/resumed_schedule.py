"""Schedules of a resumed run: those of its config, at the step where the checkpoint is."""

import copy
import warnings
from collections.abc import Mapping
from typing import Any

from mmengine.optim import _ParamScheduler

from eva_mm.engine.optim.cosine_schedule import EVACosineParamScheduler

# what tells where a schedule is, as against what it is
_PROGRESS = ('last_step', '_global_step', '_last_value', 'verbose')
# what other parts of the code keep in groups of parameters
_NO_OPTION = ('params', 'param_names', 'initial_lr', 'initial_weight_decay')


def _schedulers(runner: Any) -> list[_ParamScheduler]:
    given = runner.param_schedulers
    parts = given.values() if isinstance(given, Mapping) else [given or ()]
    return [scheduler for part in parts for scheduler in part]


class ConfiguredSchedule:
    """Schedules and options of the optimizer as a runner built them from its config, before it resumes.

    mmengine overwrites both with what the checkpoint holds: with more epochs than before the rate stays where the old
    schedule ended, without a word.

    Args:
        runner: Its schedulers and optimizer are built.
    """

    def __init__(self, runner: Any) -> None:
        self.runner = runner
        schedulers = _schedulers(runner)
        self._states = [copy.deepcopy(scheduler.state_dict()) for scheduler in schedulers]
        self._groups = [[dict(group) for group in scheduler.optimizer.param_groups] for scheduler in schedulers]
        wrapper = runner.optim_wrapper
        self._options = [dict(group) for group in _groups(wrapper)]

    def settle(self) -> str:
        """After the checkpoint is loaded, let the config's schedules go on from its step where they differ from it.

        Returns:
            What was done, for the log.
        """
        schedulers = _schedulers(self.runner)
        saved = [scheduler.state_dict() for scheduler in schedulers]
        changes = [change for own, old in zip(self._states, saved) for change in _changes(own, old)]
        if changes:
            before = _rate(schedulers)
            self._replay(schedulers, [state['_global_step'] for state in saved])
            rate = f', the rate goes from {before:.3g} to {_rate(schedulers):.3g}'
            schedule = (
                f'the schedule of the config instead of the saved one ({", ".join(dict.fromkeys(changes))}{rate})'
            )
        else:
            schedule = 'its schedule' if schedulers else 'no schedule'
        kept = self._kept_options({scheduler.param_name for scheduler in schedulers})
        return f'optimizer{kept}, {schedule}'

    def _replay(self, schedulers: list[_ParamScheduler], steps: list[int]) -> None:
        """Step the config's schedules to where the checkpoint is: most compute a value from the one before."""
        for scheduler, state, groups in zip(schedulers, self._states, self._groups):
            scheduler.load_state_dict(copy.deepcopy(state))
            for group, own in zip(scheduler.optimizer.param_groups, groups):
                for key in (scheduler.param_name, f'initial_{scheduler.param_name}'):
                    group[key] = own[key]
        first = [1] * len(schedulers)
        for index, scheduler in enumerate(schedulers):
            if isinstance(scheduler, EVACosineParamScheduler) and steps[index] > 0:
                # each value is computed from the step alone
                first[index] = steps[index]
                scheduler._global_step = steps[index] - 1
                scheduler.last_step = min(steps[index], scheduler.end) - 1 - scheduler.begin
        # schedules by epoch and by iteration meet as they did in training
        order = [(step / steps[i], i) for i in range(len(schedulers)) for step in range(first[i], steps[i] + 1)]
        with warnings.catch_warnings():
            warnings.simplefilter('ignore')  # the optimizer has made its steps in another process
            for _, index in sorted(order):
                schedulers[index].step()

    def _kept_options(self, scheduled: set[str]) -> str:
        """Options of the optimizer that are the checkpoint's and not the config's."""
        kept: dict[str, str] = {}
        for own, group in zip(self._options, _groups(self.runner.optim_wrapper)):
            for key, value in own.items():
                if key not in (*_NO_OPTION, *scheduled) and isinstance(value, int | float | tuple):
                    now = group.get(key, value)
                    if tuple(now) != value if isinstance(value, tuple) else now != value:
                        kept.setdefault(key, f'{key} {now}, the config has {value}')
        return f' with the saved {"; ".join(kept.values())}' if kept else ''


def _groups(wrapper: Any) -> list[dict]:
    groups = wrapper.param_groups
    return [group for part in groups.values() for group in part] if isinstance(groups, Mapping) else groups


def _rate(schedulers: list[_ParamScheduler]) -> float:
    """The largest learning rate."""
    return max(group.get('lr', 0.0) for group in schedulers[0].optimizer.param_groups)


def _changes(own: Mapping[str, Any], saved: Mapping[str, Any]) -> list[str]:
    """What differs between two schedules, for people."""
    keys = [key for key in own if key in saved and key not in _PROGRESS and own[key] != saved[key]]
    return [f'{key} {_short(own[key])}, was {_short(saved[key])}' for key in keys]


def _short(value: Any) -> str:
    return f'of {max(value):.3g} at most' if isinstance(value, list) and value else str(value)
