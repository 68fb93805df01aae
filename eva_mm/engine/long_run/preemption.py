"""Makes room when a scheduler asks for it: finish the iteration, save, exit with a code of its own."""

import signal
import sys
from collections.abc import Sequence
from typing import Any

import torch
from mmengine.dist import all_reduce
from mmengine.hooks import Hook
from mmengine.logging import print_log

from eva_mm.engine.long_run.safe_checkpoint_hook import SafeCheckpointHook
from eva_mm.registry import HOOKS

REQUEUE_EXIT_CODE = 75  # EX_TEMPFAIL of sysexits.h: a passing failure, the sender is invited to try again


@HOOKS.register_module()
class PreemptionHook(Hook):
    """On SIGTERM or SIGUSR1 saves a checkpoint after the running iteration and exits with code 75.

    A launch script that sees exit code 75 starts the same command with ``--resume`` again, for instance with
    ``scontrol requeue $SLURM_JOB_ID``. One process that gets the signal is enough: all processes leave after the same
    iteration. Every process must live that long, so a launcher must pass the signal on and wait: ``srun`` does;
    ``torchrun`` waits for 30 seconds and itself exits with 1. A signal that comes during start-up or validation is
    answered after the next training iteration.

    Needs :class:`~eva_mm.engine.long_run.safe_checkpoint_hook.SafeCheckpointHook`, and a loop that resumes within an
    epoch (:mod:`~eva_mm.engine.long_run.resumable_loops`) for the resumed run to be that of an uninterrupted one.

    Args:
        signals: Names of the signals.
        exit_code: The code.

    Raises:
        ValueError: Before training, if the run has no ``eva_mm.SafeCheckpointHook``.
    """

    priority = 'LOWEST'  # after the checkpoint of the iteration, if it has one

    def __init__(
        self, signals: Sequence[str] = ('SIGTERM', 'SIGUSR1'), exit_code: int = REQUEUE_EXIT_CODE
    ) -> None:
        self.signals = tuple(signals)
        self.exit_code = exit_code
        self._received: str | None = None

    def before_run(self, runner: Any) -> None:
        """Listen for the signals."""
        for name in self.signals:
            signal.signal(signal.Signals[name], self._note)

    def before_train(self, runner: Any) -> None:
        """Find the hook that saves."""
        self._saver = next((hook for hook in runner.hooks if isinstance(hook, SafeCheckpointHook)), None)
        if self._saver is None:
            raise ValueError(
                "eva_mm.PreemptionHook needs default_hooks.checkpoint.type='eva_mm.SafeCheckpointHook', which this "
                'config does not have: set it, or leave the hook out.'
            )

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Leave if any process was asked to."""
        asked = torch.tensor(int(self._received is not None))
        all_reduce(asked, 'max')
        if not asked:
            return
        saved = self._saver.save_now(runner)
        what = 'saved' if saved else 'could not be saved; the checkpoint before it is kept'
        print_log(
            f'{self._received or "Another process was asked to stop"}: iteration {runner.iter + 1} {what}; '
            f'exit with code {self.exit_code}, go on with --resume.',
            'current',
            30,
        )
        sys.exit(self.exit_code)

    def _note(self, number: int, frame: Any) -> None:
        self._received = signal.Signals(number).name
