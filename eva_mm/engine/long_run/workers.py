"""Processes that load data: they live as long as the process that trains, whatever signal a scheduler sends to all."""

import os
import signal
from collections.abc import Callable, Sequence
from functools import cache
from multiprocessing.util import Finalize
from typing import Any

import torch
from torch.utils.data import DataLoader

from eva_mm.process import die_with_parent


def protect_workers(loader: DataLoader, signals: Sequence[str]) -> DataLoader:
    """Let the workers of a loader ignore some signals while the process that trains lives; returns the loader.

    A scheduler sends its signal to all processes of a job. torch's workers would die of it, and the process that trains
    with an error before it has saved. Call it before the workers are started.

    Args:
        loader: Changed in place.
        signals: Names of the signals.
    """
    if isinstance(loader.worker_init_fn, _ProtectedStart):
        return loader
    loader.worker_init_fn = _ProtectedStart(signals, loader.worker_init_fn)
    start, numbers = loader._get_iterator, loader.worker_init_fn.numbers

    def start_blocked() -> Any:
        # until a worker has its own handlers
        before = signal.pthread_sigmask(signal.SIG_BLOCK, numbers)
        try:
            return start()
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)

    loader._get_iterator = start_blocked
    return loader


class _ProtectedStart:
    """Start function of a worker.

    Args:
        signals: Names of the signals.
        inner: The start function that the loader has had.
    """

    def __init__(self, signals: Sequence[str], inner: Callable[[int], Any] | None = None) -> None:
        self.numbers = [signal.Signals[name] for name in signals]
        self.inner = inner
        self.main = os.getpid()
        self.is_over = _is_over(self.main)

    def __call__(self, worker: int) -> None:
        """Run in the worker, after torch has set its own handlers."""
        for number in self.numbers:
            signal.signal(number, self._end_if_over)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, self.numbers)
        if os.getppid() == self.main:  # not of a fork server, whose workers torch watches itself
            die_with_parent(signal.SIGKILL, self.main)
        if self.inner is not None:
            self.inner(worker)

    def _end_if_over(self, number: int, frame: Any) -> None:
        # multiprocessing ends workers with SIGTERM when the main process exits, and waits for them
        if self.is_over[0]:
            os._exit(0)


@cache
def _is_over(process: int) -> torch.Tensor:
    """One byte that the workers of a process share, set when it exits, before multiprocessing ends them."""
    flag = torch.zeros(1, dtype=torch.uint8).share_memory_()
    Finalize(None, flag.fill_, args=(1,), exitpriority=100)
    return flag
