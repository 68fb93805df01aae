"""Handles pre-emption signals: finishes the iteration, saves, exits with a distinct code."""

import signal
import sys
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log

from eva_mm.engine.long_run.accumulation import is_between_steps
from eva_mm.engine.long_run.loaders import built_loops, change_loaders
from eva_mm.engine.long_run.safe_checkpoint_hook import SafeCheckpointHook
from eva_mm.engine.long_run.workers import protect_workers
from eva_mm.process import REQUEUE, STOP_SIGNALS
from eva_mm.registry import HOOKS


@HOOKS.register_module()
class PreemptionHook(Hook):
    """On SIGTERM or SIGUSR1 saves a checkpoint after the running iteration and exits with code 75.

    A launch script that sees exit code 75 starts the same command with ``--resume`` again, for instance with
    ``scontrol requeue $SLURM_JOB_ID``. One process that gets the signal is enough, and the whole process group may get
    it: all processes leave after the same iteration, and the workers that load data live as long as their process.
    Every process must live that long, so a launcher must pass the signal on and wait: ``srun`` and
    ``tools/dist_train.sh`` do; plain ``torchrun`` waits for 30 seconds and itself exits with 1.

    A signal during validation ends it at once: there is a checkpoint from before it, and the resumed run begins with
    the validation if its loop is one of :mod:`~eva_mm.engine.long_run.resumable_loops`. Before training begins there is
    nothing to save; ``tools/train.py`` then exits with the same code.

    Needs :class:`~eva_mm.engine.long_run.safe_checkpoint_hook.SafeCheckpointHook`, and a loop that resumes within an
    epoch for the resumed run to be that of an uninterrupted one.

    Args:
        signals: Names of the signals.
        exit_code: The code.

    Raises:
        ValueError: Before training, if the run has no ``eva_mm.SafeCheckpointHook``.
    """

    priority = 'LOWEST'  # after the checkpoint of the iteration, if it has one

    def __init__(self, signals: Sequence[str] = STOP_SIGNALS, exit_code: int = REQUEUE) -> None:
        self.signals = tuple(signals)
        self.exit_code = exit_code
        self._received: str | None = None
        self._saver: SafeCheckpointHook | None = None
        self._shared_val_iters = 0
        self._is_saved = False

    def before_train(self, runner: Any) -> None:
        """Find the hook that saves, listen for the signals, and let the workers not listen."""
        self._saver = next((hook for hook in runner.hooks if isinstance(hook, SafeCheckpointHook)), None)
        if self._saver is None:
            raise ValueError(
                "eva_mm.PreemptionHook needs default_hooks.checkpoint.type='eva_mm.SafeCheckpointHook', which this "
                'config does not have: set it, or leave the hook out.'
            )
        for _, loop in built_loops(runner):
            change_loaders(loop, lambda loader: protect_workers(loader, self.signals))
        for name in self.signals:
            signal.signal(signal.Signals[name], self._note)

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Leave after the step if any process was asked to."""
        if self._is_asked() and is_between_steps(runner, runner.iter + 1):
            self._leave(runner.iter + 1, self._saver.save_now(runner, runner.iter + 1))

    def before_val(self, runner: Any) -> None:
        """Save: within a validation the weights may be exchanged for their average."""
        self._shared_val_iters = 0
        if self._saver is None or not is_between_steps(runner, runner.iter):
            return
        self._is_saved = self._saver.save_now(runner, runner.iter)
        shared = torch.tensor(len(runner.val_loop.dataloader))
        all_reduce(shared, 'min')  # all processes must ask each other as often
        self._shared_val_iters = int(shared)

    def after_val_iter(self, runner: Any, batch_idx: int, *args: Any, **kwargs: Any) -> None:
        """Leave within a validation if any process was asked to."""
        if batch_idx < self._shared_val_iters and self._is_asked():
            self._leave(runner.iter, self._is_saved)

    def _is_asked(self) -> bool:
        asked = torch.tensor(int(self._received is not None))
        all_reduce(asked, 'max')
        return bool(asked)

    def _leave(self, iteration: int, is_saved: bool) -> None:
        what = 'saved' if is_saved else 'could not be saved; the checkpoint before it is kept'
        print_log(
            f'{self._received or "Another process was asked to stop"}: iteration {iteration} {what}; '
            f'exit with code {self.exit_code}, go on with --resume.',
            'current',
            30,
        )
        sys.exit(self.exit_code)

    def _note(self, number: int, frame: Any) -> None:
        self._received = signal.Signals(number).name
