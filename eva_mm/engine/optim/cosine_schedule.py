"""The learning-rate schedule of EVA-01: linear warm-up, then cosine, set at every iteration."""

import math
from collections.abc import Callable
from typing import Any

from mmengine.optim import _ParamScheduler
from mmengine.optim.scheduler.lr_scheduler import LRSchedulerMixin
from mmengine.optim.scheduler.param_scheduler import INF, OptimizerType

from eva_mm.registry import PARAM_SCHEDULERS

ANNEAL_TYPES = ('cos', 'linear')

# share of the way to the base value in iteration i of a warm-up of W iterations
RAMPS: dict[str, Callable[[int, int], float]] = {
    # EVA's own scripts
    'inclusive': lambda i, length: i / max(length - 1, 1),
    # timm's, in the video recipes
    'from_start': lambda i, length: i / length,
    # open_clip's
    'to_base': lambda i, length: (i + 1) / length,
}


@PARAM_SCHEDULERS.register_module()
class EVACosineParamScheduler(_ParamScheduler):
    r"""Warm a parameter up linearly and anneal it to a fraction of its base value.

    With W warm-up iterations, T iterations in all and the base value b of a parameter group,
    iteration i (from 0) uses

    - ``b * (s + (1 - s) * i / (W - 1))`` for i < W: the warm-up reaches b; other values of ``ramp``
      have i / W or (i + 1) / W, and
    - ``b * (m + (1 - m) * (1 + cos(pi * (i - W) / (T - W))) / 2)`` afterwards: the cosine starts at
      b once more and its minimum ``m * b`` would be reached only at iteration T;

    s is ``warmup_start_ratio``, m ``eta_min_ratio``. Each value is computed from i alone, so there
    is no drift over a long run and resuming needs nothing but i. Since every bound is a ratio,
    groups with a layer-scaled base run through the same curve, scaled.

    Source: ``cosine_scheduler`` in ``utils.py`` of the EVA-01 release, where ``--warmup_lr`` has
    no effect and s is always 0.

    Args:
        optimizer: the optimizer or optimizer wrapper whose groups are scheduled.
        param_name: key of the parameter in the groups, such as ``'lr'`` or ``'weight_decay'``.
        warmup_iters: length W of the warm-up. In a config with ``convert_to_iter_based=True`` use
            ``warmup_epochs`` instead; ``warmup_iters`` then takes precedence where both are given.
        eta_min_ratio: final value by base value; 1.0 keeps the base value after the warm-up.
        warmup_start_ratio: value of iteration 0 by base value.
        ramp: ``'inclusive'``, ``'from_start'`` (timm) or ``'to_base'`` (open_clip): see :data:`RAMPS`.
        delay: iterations by which all values lag; the first value is repeated. The released video code
            sets the value of iteration i after its step, so that iteration i + 1 uses it: 1.
        anneal: ``'cos'``, or ``'linear'``, which does reach ``m * b`` at the last iteration.
        begin: first iteration.
        end: iteration after the last one; the runner fills in the length of the training.
        last_step: see mmengine.
        by_epoch: must be given as False; mmengine counts ``end`` in epochs otherwise.
        verbose: log each value.

    Raises:
        ValueError: if ``by_epoch`` is True, the warm-up does not fit, or ``anneal`` or ``ramp`` is unknown.
    """

    def __init__(
        self,
        optimizer: OptimizerType,
        param_name: str,
        warmup_iters: int = 0,
        eta_min_ratio: float = 0.0,
        warmup_start_ratio: float = 0.0,
        anneal: str = 'cos',
        ramp: str = 'inclusive',
        delay: int = 0,
        begin: int = 0,
        end: int = INF,
        last_step: int = -1,
        by_epoch: bool = True,
        verbose: bool = False,
    ) -> None:
        name = type(self).__name__
        if by_epoch:
            raise ValueError(
                f'{name} sets its value at every iteration; give by_epoch=False with `end` in '
                'iterations, or by_epoch=True with convert_to_iter_based=True.'
            )
        if anneal not in ANNEAL_TYPES:
            raise ValueError(f'{name} knows anneal={ANNEAL_TYPES}, but {anneal!r} was given.')
        if ramp not in RAMPS:
            raise ValueError(f'{name} knows ramp={tuple(RAMPS)}, but {ramp!r} was given.')
        if not 0 <= warmup_iters <= end - begin:
            raise ValueError(
                f'{name} was given warmup_iters={warmup_iters}, which must lie between 0 and the '
                f'length of the schedule, {end - begin} iterations.'
            )
        self.warmup_iters = warmup_iters
        self.eta_min_ratio = eta_min_ratio
        self.warmup_start_ratio = warmup_start_ratio
        self.anneal = anneal
        self.ramp = ramp
        self.delay = delay
        super().__init__(
            optimizer,
            param_name=param_name,
            begin=begin,
            end=end,
            last_step=last_step,
            by_epoch=False,
            verbose=verbose,
        )

    @classmethod
    def build_iter_from_epoch(
        cls,
        *args: Any,
        epoch_length: int,
        warmup_epochs: float = 0,
        warmup_iters: int | None = None,
        begin: int = 0,
        end: int = INF,
        by_epoch: bool = True,
        **kwargs: Any,
    ) -> 'EVACosineParamScheduler':
        """Build from ``warmup_epochs``, ``begin`` and ``end`` given in epochs."""
        if warmup_iters is None:
            warmup_iters = int(warmup_epochs * epoch_length)
        return cls(
            *args,
            warmup_iters=warmup_iters,
            begin=int(begin * epoch_length),
            end=end if end == INF else int(end * epoch_length),
            by_epoch=False,
            **kwargs,
        )

    def _get_value(self) -> list[float]:
        factor = self._factor(max(self.last_step - self.delay, 0))
        return [base * factor for base in self.base_values]

    def _factor(self, step: int) -> float:
        if step < self.warmup_iters:
            progress = RAMPS[self.ramp](step, self.warmup_iters)
            return self.warmup_start_ratio + (1 - self.warmup_start_ratio) * progress
        step -= self.warmup_iters
        num_steps = self.end - self.begin - self.warmup_iters
        if self.anneal == 'cos':
            remaining = 0.5 * (1 + math.cos(math.pi * step / num_steps))
        else:
            remaining = 1 - step / max(num_steps - 1, 1)
        return self.eta_min_ratio + (1 - self.eta_min_ratio) * remaining


@PARAM_SCHEDULERS.register_module()
class EVACosineLR(LRSchedulerMixin, EVACosineParamScheduler):
    """:class:`EVACosineParamScheduler` for the learning rate."""
