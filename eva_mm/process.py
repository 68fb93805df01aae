"""What a process owes its scheduler and its launcher. Needs the standard library alone: it runs before slow imports."""

import atexit
import ctypes
import errno
import os
import signal
import sys
import time

# exit codes of a run that ends neither well nor by a defect, as in sysexits.h
REQUEUE = 75  # EX_TEMPFAIL: stopped by a signal with its work saved; the same command with --resume goes on
DISK_FULL = 74  # EX_IOERR: the last checkpoint, or what else must be written, could not be; earlier ones are kept

STOP_SIGNALS = ('SIGTERM', 'SIGUSR1')

_SET_PARENT_DEATH_SIGNAL = 1  # PR_SET_PDEATHSIG of prctl(2)
_LAST_MOMENT = 0.3  # seconds; the lock passes to a waiting thread every 5 ms


_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


def is_full_disk(error: BaseException) -> bool:
    """Whether an error means that a file cannot grow: no space, a quota, a limit on its size.

    torch's own writer raises a ``RuntimeError`` that says only that it failed.
    """
    return getattr(error, 'errno', None) in _FULL or 'PytorchStreamWriter failed' in str(error)


def die_with_parent(number: int, parent: int) -> None:
    """Let the kernel send this process a signal when its parent ends, for whatever reason; on Linux only.

    Args:
        number: The signal.
        parent: Process id of the parent that is meant; if it is gone already, the signal comes at once.
    """
    if sys.platform != 'linux':
        return
    ctypes.CDLL(None, use_errno=True).prctl(_SET_PARENT_DEATH_SIGNAL, number, 0, 0, 0)
    if os.getppid() != parent:
        os.kill(os.getpid(), number)


def _let_threads_finish() -> None:
    """Give the threads of torch's process groups the interpreter's lock before it ends.

    One that still lets go of the tensors of the last collective is stopped in the middle of C++ code otherwise, and
    "terminate called without an active exception" turns the exit code of a good run into that of a crash.
    """
    distributed = sys.modules.get('torch.distributed')
    if distributed and distributed.is_initialized():
        time.sleep(_LAST_MOMENT)


def begin_rank(signal_of_death: int = signal.SIGTERM) -> None:
    """End with the launcher: torchrun, killed by SIGKILL, would leave its ranks behind.

    A run that no launcher started may outlive the shell that started it.

    Args:
        signal_of_death: What this process gets when the launcher ends.
    """
    atexit.register(_let_threads_finish)
    if 'TORCHELASTIC_RUN_ID' in os.environ:
        die_with_parent(signal_of_death, os.getppid())


def begin_training() -> None:
    """Answer a scheduler from the first moment: nothing is to be saved yet, so the run ends with code 75.

    ``eva_mm.PreemptionHook`` takes over when training begins.
    """
    for name in STOP_SIGNALS:
        signal.signal(signal.Signals[name], lambda number, frame: sys.exit(REQUEUE))
    begin_rank()
