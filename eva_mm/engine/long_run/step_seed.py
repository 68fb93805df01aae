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
    """Seed torch before each iteration, and Python and NumPy as well before each epoch.

    Checkpoints of mmengine hold no state of random generators, so a resumed run draws other drop
    paths and dropouts than the uninterrupted one. With this hook the draws depend on seed, process
    and iteration alone and nothing has to be saved. What data transforms draw is repeated too: in
    an iteration-based loop mmengine replays the data; in an epoch-based loop use worker processes
    that live for one epoch (``persistent_workers=False``) or none, and resume between epochs.
    """

    priority = 'VERY_HIGH'

    def before_train_epoch(self, runner: Any) -> None:
        """Seed all generators for this epoch."""
        seed = _seed(runner, runner.epoch, 0)
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)

    def before_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Seed torch for the forward pass of this iteration."""
        torch.manual_seed(_seed(runner, runner.iter, 1))


def _seed(runner: Any, step: int, stream: int) -> int:
    entropy = [runner.seed, get_rank(), step, stream]
    return int(np.random.SeedSequence(entropy).generate_state(1)[0])
