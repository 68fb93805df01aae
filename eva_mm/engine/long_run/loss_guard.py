"""Skips steps with a non-finite or spiking loss, stops diverged runs, and keeps lost weights out of checkpoints."""

from collections.abc import Mapping, Sequence
from statistics import median
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.optim import OptimWrapper
from mmengine.runner import Runner
from torch import Tensor, nn
from torch.optim import Optimizer

from eva_mm.engine.long_run.roll_back import RollBack
from eva_mm.registry import HOOKS

HISTORY = 'loss_guard_history'  # in the message hub, and so in every checkpoint
NON_FINITE, SPIKE = 'not finite', 'a spike'


@HOOKS.register_module()
class LossGuardHook(Hook):
    """Leaves out steps whose loss or gradient is NaN, infinite or a spike, and acts when too many come in a row.

    A step is judged by its loss before it is made, and by its gradient when the optimizer is about to use it; what is
    left out changes neither weights nor moments nor running statistics. All processes see the mean of their losses and
    the same reduced gradient, so all leave out the same steps. With DeepSpeed the gradient is judged by DeepSpeed.

    The first ``spike_window`` losses are not judged by their size. From then on a loss is a spike if it exceeds the
    median of the last ``spike_window`` good ones by more than ``spike_factor`` times their median distance from it. A
    ratio of the loss itself would say nothing about the losses of masked image modelling, which are negative.

    Weights that are not finite are never saved: ``eva_mm.SafeCheckpointHook`` asks before it writes, and the run goes
    back or ends.

    It changes what a recipe computes only where the recipe would lose its run. ``tools/train.py`` adds it to every
    config; one that shall do without says ``long_run = dict(loss_guard=None)``.

    Args:
        patience: Lost steps in a row, after which the run goes back or ends.
        spike_factor: See above; ``None`` looks at NaN and infinity alone.
        spike_window: Good losses that a spike is measured by.
        roll_back: After ``patience`` lost steps go back to the last good checkpoint and on with other data, instead of
            ending the run. Takes a loop of :mod:`~eva_mm.engine.long_run.resumable_loops`. A checkpoint that did not
            help is not used again; when none is left the run ends.

    Raises:
        RuntimeError: In training, after ``patience`` lost steps, or if weights are not finite; the message names the
            terms of the loss, or the weights.
        ValueError: The factor is not positive, or the window has fewer than 2 losses.
    """

    priority = 'VERY_HIGH'

    def __init__(
        self,
        patience: int = 20,
        spike_factor: float | None = None,
        spike_window: int = 100,
        roll_back: bool = False,
    ) -> None:
        if spike_window < 2 or (spike_factor is not None and spike_factor <= 0):
            raise ValueError(
                f'LossGuardHook was given spike_factor={spike_factor} and spike_window={spike_window}; expected a '
                'positive factor, or None, and at least 2 losses.'
            )
        self.patience = patience
        self.spike_factor = spike_factor
        self.spike_window = spike_window
        self.roll_back = roll_back
        self.consecutive = 0
        self.left_out = 0
        self._why: str | None = None  # why this step is lost
        self._watched: Any = None

    def before_train(self, runner: Runner) -> None:
        """Watch the updates; may be called again, after a roll-back."""
        self.consecutive = 0
        self._history: list[float] = list(runner.message_hub.runtime_info.get(HISTORY, []))
        self._statistics = [each for each in runner.model.buffers() if each.is_floating_point() and each.numel()]
        self._before = [torch.empty_like(each) for each in self._statistics]
        wrapper = runner.optim_wrapper
        if self._watched is wrapper:
            return
        self._watched, update = wrapper, wrapper.update_params

        def update_unless_lost(loss: Tensor, *args: Any, **kwargs: Any) -> None:
            self._why = self._judge(loss)
            if self._why is None:
                update(loss, *args, **kwargs)
            else:
                _pass_over(wrapper)

        wrapper.update_params = update_unless_lost
        if isinstance(getattr(wrapper, 'optimizer', None), Optimizer):

            def before_step(optimizer: Optimizer, args: Sequence, kwargs: Mapping) -> None:
                if _drop_non_finite(optimizer):
                    self._why = NON_FINITE

            wrapper.optimizer.register_step_pre_hook(before_step)

    def before_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None) -> None:
        """Keep the running statistics of the model, which its forward pass changes."""
        _copy(self._statistics, self._before)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Mapping[str, Tensor] | None = None
    ) -> None:
        """Count the steps that were lost in a row."""
        why, self._why = self._why, None
        optimizer = getattr(runner.optim_wrapper, 'optimizer', None)
        if why is None and getattr(optimizer, 'overflow', False):  # DeepSpeed left the step out
            why = NON_FINITE
        runner.message_hub.update_info(HISTORY, self._history)
        if why is None:
            self.consecutive = 0
            return
        _copy(self._before, self._statistics)
        self.consecutive += 1
        self.left_out += 1
        runner.message_hub.update_scalar('train/left_out', self.left_out)
        bad = sorted(name for name, value in (outputs or {}).items() if not torch.as_tensor(value).isfinite().all())
        what = f'the loss ({", ".join(bad)}) is' if bad else 'the loss is' if why == SPIKE else 'the gradient is'
        number = runner.iter + 1
        print_log(f'Iteration {number} is left out: {what} {why} ({self.consecutive} in a row).', 'current', 30)
        if self.consecutive < self.patience:
            return
        sentence = f'For {self.consecutive} iterations in a row {what} {why}'
        if self.roll_back:
            raise RollBack(f'{sentence}.')
        raise RuntimeError(
            f'{sentence}: lower the learning rate or the bound of clip_grad, train in bfloat16, or look for broken '
            'samples, such as boxes without area.'
        )

    def _judge(self, loss: Tensor) -> str | None:
        mean = loss.detach().float().clone()
        all_reduce(mean, 'mean')
        value = mean.item()
        if not mean.isfinite():
            return NON_FINITE
        if self.spike_factor is not None:
            if len(self._history) >= self.spike_window:
                middle = median(self._history)
                distance = median(abs(each - middle) for each in self._history)
                if value - middle > self.spike_factor * distance:
                    return SPIKE
            self._history = [*self._history, value][-self.spike_window :]
        return None


def refuse_lost_weights(runner: Any) -> None:
    """Raise on all processes, before anything is written, if a guarded run has weights that are not finite.

    Raises:
        RuntimeError: They are not; :class:`RollBack` if the guard goes back.
    """
    guard = next((hook for hook in runner.hooks if isinstance(hook, LossGuardHook)), None)
    if guard is None:
        return
    name = _non_finite(runner.model)
    lost = torch.tensor(int(name is not None))
    all_reduce(lost, 'max')
    if not lost:
        return
    sentence = f'{name or "A weight of another process"} is not finite; no checkpoint of these weights is saved.'
    if guard.roll_back:
        raise RollBack(sentence)
    raise RuntimeError(f'{sentence} The checkpoints before it are kept: lower the learning rate and use --resume.')


def _non_finite(model: nn.Module) -> str | None:
    """The first weight with NaN or infinity, or running statistic with NaN: masks hold infinities on purpose."""
    for name, weight in model.named_parameters():
        if weight.is_floating_point() and not weight.isfinite().all():
            return name
    for name, statistic in model.named_buffers():
        if statistic.is_floating_point() and statistic.isnan().any():
            return name
    return None


@torch.no_grad()
def _copy(source: list[Tensor], target: list[Tensor]) -> None:
    if source:
        torch._foreach_copy_(target, source)


def _pass_over(wrapper: Any) -> None:
    """Count an iteration without its gradient; those accumulated before it are still used when they are due."""
    if not isinstance(wrapper, OptimWrapper):
        return
    wrapper._inner_count += 1
    if wrapper.should_update() and any(p.grad is not None for g in wrapper.param_groups for p in g['params']):
        wrapper.step()
        wrapper.zero_grad()


def _drop_non_finite(optimizer: Optimizer) -> bool:
    """Take all gradients away if one is not finite; an optimizer leaves parameters without one as they are."""
    parameters = [each for group in optimizer.param_groups for each in group['params'] if each.grad is not None]
    if not parameters or torch.nn.utils.get_total_norm([each.grad for each in parameters]).isfinite():
        return False
    for each in parameters:
        each.grad = None
    return True
