"""Keeps NaN and infinity out of the weights."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch import Tensor
from torch.optim import Optimizer

from eva_mm.registry import HOOKS


def _drop_non_finite(optimizer: Optimizer) -> bool:
    """Take all gradients away if one is not finite; an optimizer leaves parameters without one as they are."""
    parameters = [each for group in optimizer.param_groups for each in group['params'] if each.grad is not None]
    if not parameters or torch.nn.utils.get_total_norm([each.grad for each in parameters]).isfinite():
        return False
    for each in parameters:
        each.grad = None
    return True


@HOOKS.register_module()
class NonFiniteGuardHook(Hook):
    """Leaves out the updates of steps whose gradient is not finite, in any precision, and stops a run that is lost.

    All processes see the same reduced gradient, so all leave out the same steps. Under fp16 the loss scaler already
    leaves out steps; there, the hook is what ends a run whose loss stays NaN while the scale shrinks to nothing.

    Args:
        patience: Steps in a row, with a loss or a gradient that is not finite, after which the run ends.

    Raises:
        RuntimeError: In training, after ``patience`` such steps; the message names the terms of the loss.
    """

    priority = 'VERY_HIGH'

    def __init__(self, patience: int = 20) -> None:
        self.patience = patience
        self.in_a_row = 0
        self.left_out = 0
        self._dropped = False

    def before_train(self, runner: Runner) -> None:
        """Watch the optimizer."""

        def before_step(optimizer: Optimizer, args: Sequence, kwargs: Mapping) -> None:
            self._dropped = _drop_non_finite(optimizer)

        runner.optim_wrapper.optimizer.register_step_pre_hook(before_step)

    def after_train_iter(
        self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Mapping[str, Tensor] | None = None
    ) -> None:
        """Count the steps that were lost in a row."""
        bad = sorted(name for name, value in (outputs or {}).items() if not torch.as_tensor(value).isfinite().all())
        dropped, self._dropped = self._dropped, False
        if not bad and not dropped:
            self.in_a_row = 0
            return
        self.in_a_row += 1
        self.left_out += dropped
        what = f'the loss ({", ".join(bad)}) is' if bad else 'the gradient is'
        print_log(f'Iteration {runner.iter + 1}: {what} not finite ({self.in_a_row} in a row).', 'current', 30)
        if self.in_a_row >= self.patience:
            raise RuntimeError(
                f'For {self.in_a_row} iterations in a row {what} not finite: lower the learning rate or the bound of '
                'clip_grad, train in bfloat16, or look for broken boxes in the annotations.'
            )
