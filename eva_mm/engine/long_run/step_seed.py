"""Randomness of the model as a function of the iteration, so that a resumed run repeats it."""

import random
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from mmengine.hooks import Hook

from eva_mm.registry import HOOKS


@HOOKS.register_module()
class StepSeedHook(Hook):
    """Seed torch, Python and NumPy before each epoch, and for the step of each iteration.

    Checkpoints of mmengine hold no state of random generators, so a resumed run draws other drop
    paths, dropouts and mixtures of images than the uninterrupted one. With this hook the draws
    depend on seed, process and iteration alone and nothing has to be saved. What Python and NumPy
    draw between two steps, in data transforms without worker processes, is not touched.

    What data transforms draw is repeated by the loops of
    :mod:`~eva_mm.engine.long_run.resumable_loops`. mmengine's own iteration-based loop replays the
    data (that of onedl-mmengine skips it unread, and then draws differ); with its epoch-based loop
    use worker processes that live for one epoch (``persistent_workers=False``) or none, and resume
    between epochs.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Any) -> None:
        """Seed all generators for this epoch."""
        _seed(runner, runner.epoch, 0)

    def before_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Seed all generators for the step of this iteration: hosts mix images by NumPy's."""
        self._between_steps = random.getstate(), np.random.get_state()
        _seed(runner, runner.iter, 1)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Go on between steps as if there had been none."""
        python, numpy = self._between_steps
        random.setstate(python)
        np.random.set_state(numpy)


def _seed(runner: Any, step: int, stream: int) -> None:
    entropy = [runner.seed, get_rank(), step, stream]
    seed = int(np.random.SeedSequence(entropy).generate_state(1)[0])
    random.seed(seed)
    np.random.seed(seed)
    torch.manual_seed(seed)
