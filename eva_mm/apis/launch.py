"""torchrun for runs that are stopped by a scheduler: it waits until its ranks have saved, and ends with their code.

    python -m eva_mm.apis.launch --nproc_per_node=8 tools/train.py CONFIG --launcher pytorch

Options are those of torchrun, which by itself kills ranks that still save 30 seconds after a signal, ends with 1
whatever their codes are, and dies of SIGUSR1 without telling them.
"""

import os
import signal
import sys
from collections.abc import Sequence
from typing import Any

from eva_mm.process import STOP_SIGNALS

# seconds that ranks have to save after a signal; schedulers are less patient
PATIENCE = 3600
_INTERRUPTED = 1


def main(arguments: Sequence[str] | None = None) -> int:
    """Run torchrun in this process.

    Args:
        arguments: Of torchrun; default: those of the command line.

    Returns:
        The exit code: that of the ranks, or of the first one that failed; 1 if a signal ended it.
    """
    from torch.distributed.elastic.multiprocessing.api import PContext, SignalException
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.run import main as torchrun

    codes: list[int | None] = []
    close = PContext.close

    def close_patiently(context: Any, death_sig: Any = None, timeout: int = 30) -> None:
        if isinstance(sys.exc_info()[1], SignalException):
            for name in STOP_SIGNALS:  # once is enough
                signal.signal(signal.Signals[name], signal.SIG_IGN)
            timeout = PATIENCE
        close(context, death_sig, timeout)
        codes[:] = [handler.proc.poll() for handler in getattr(context, 'subprocess_handlers', {}).values()]

    PContext.close = close_patiently
    # torchrun passes SIGTERM on
    signal.signal(signal.SIGUSR1, lambda number, frame: os.kill(os.getpid(), signal.SIGTERM))
    try:
        torchrun(list(sys.argv[1:] if arguments is None else arguments))
    except ChildFailedError as failed:
        return _code([failed.get_first_failure()[1].exitcode])
    except SignalException:
        return _code(codes)
    finally:
        PContext.close = close
    return 0


def _code(codes: Sequence[int | None]) -> int:
    """One code for several processes: the first that is not 0; those that died of a signal count as 1."""
    failed = [code for code in codes if code != 0] if codes else [None]
    first = failed[0] if failed else 0
    return first if first is not None and first >= 0 else _INTERRUPTED


if __name__ == '__main__':
    sys.exit(main())
