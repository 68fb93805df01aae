"""A step in a process group of its own, killed as a whole at its limit."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

BENCHMARKS = Path(__file__).resolve().parents[1]
ROOT = BENCHMARKS.parents[1]


@dataclass(frozen=True)
class Ended:
    """How a process ended.

    Attributes:
        code: Exit code, negative for a signal; ``None``: killed at its limit.
        seconds: Wall time.
    """

    code: int | None
    seconds: float


def environment() -> dict[str, str]:
    """This process's, with the repository and the benchmarks importable."""
    path = [str(ROOT), str(BENCHMARKS), os.environ.get('PYTHONPATH', '')]
    return {**os.environ, 'PYTHONPATH': os.pathsep.join(filter(None, path)), 'PYTHONUNBUFFERED': '1'}


def _ends_within(process: subprocess.Popen, limit: float) -> bool:
    """Wait for the end of a process without reaping it: its number, which is its group's, stays taken."""
    deadline = time.monotonic() + limit
    while time.monotonic() < deadline:
        if os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOWAIT | os.WNOHANG) is not None:
            return True
        time.sleep(0.05)
    return False


def run_python(arguments: Sequence[str], log: Path, limit: float, threads: int | None = None) -> Ended:
    """Run Python with these arguments in the root of the repository.

    Args:
        arguments: After the interpreter.
        log: Gets the output of the process and of its children.
        limit: Seconds until the process group is killed.
        threads: OpenMP threads; ``None`` leaves the number to torch.
    """
    variables = environment() | ({} if threads is None else {'OMP_NUM_THREADS': str(threads)})
    start = time.monotonic()
    ended = False
    with log.open('wb') as output:
        process = subprocess.Popen(
            [sys.executable, *arguments], stdout=output, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            cwd=ROOT, env=variables, start_new_session=True,
        )  # fmt: skip
        try:
            ended = _ends_within(process, limit)
        finally:
            # also what a step that has ended, or an interrupted report, leaves behind
            os.killpg(process.pid, signal.SIGKILL)
            code = process.wait()
    return Ended(code if ended else None, time.monotonic() - start)
