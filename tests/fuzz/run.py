"""Fuzz every reader: no crash, no hang beyond a limit, no code, and each refusal in one line.

    python tests/fuzz/run.py                       # 10,000 cases of each kind
    python tests/fuzz/run.py --kind zip --cases 500
    python tests/fuzz/run.py --kind zip --case 1234    # one again, with its traceback

A case is a function of its kind and number. Cases run in a process of their own with limits of memory and time; one
that ends it, or takes longer than --limit, is counted, and the next ones run in a new process. Within it ``os.system``,
``subprocess.Popen`` and their kin are watched, connections are, and hostile files would make a canary.
"""

import argparse
import json
import multiprocessing
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).parents[2]
PATHS = [str(ROOT / part) for part in ('', 'tests/helpers', 'tests/fuzz')]
KINDS = ('checkpoint', 'config', 'coco', 'rle', 'shard', 'zip', 'csv', 'image')
MEMORY = 6 * 2**30
START_SECONDS = 300
# audit events of starting a program or connecting to somewhere
_WATCHED = ('os.system', 'subprocess.Popen', 'os.exec', 'os.posix_spawn', 'os.spawn', 'pty.spawn', 'socket.connect')


class Watch:
    """Notes programs that are started and connections that are made while it is entered."""

    def __init__(self) -> None:
        self.seen: list[str] = []
        self.active = False
        sys.addaudithook(self._note)

    def __enter__(self) -> None:
        self.seen.clear()
        # what the hook sees is real; these are here for what would be called without being run
        names = ((os, 'system'), (subprocess, 'Popen'))
        self.replaced = [(module, name, getattr(module, name)) for module, name in names]
        for module, name, _ in self.replaced:
            setattr(module, name, self._refuse(f'{module.__name__}.{name}'))
        self.active = True

    def __exit__(self, *error: object) -> None:
        self.active = False
        for module, name, function in self.replaced:
            setattr(module, name, function)

    def _note(self, event: str, arguments: tuple) -> None:
        if self.active and event in _WATCHED:
            self.seen.append(f'{event} {str(arguments)[:80]}')

    def _refuse(self, name: str):
        def call(*args, **kwargs):
            self.seen.append(f'{name} {str(args)[:80]}')
            raise PermissionError(f'{name} was called')

        return call


def run_case(target, number: int, watch: Watch, canary: Path) -> tuple[str, str]:
    """Outcome of a case (``'read'``, ``'refused'`` or ``'failed'``), and what failed."""
    outcome = 'refused'
    rng = random.Random(f'{target.name} {number}')
    with watch:
        try:
            for read in target.readers(rng):
                try:
                    read()
                    outcome = 'read'
                except (ValueError, OSError) as error:
                    text = str(error)
                    if '\n' in text or '\x1b' in text or not text.strip():
                        return 'failed', f'{type(error).__name__} of more than one line: {text[:300]!r}'
        # whatever else a reader raises is a defect of it
        except Exception as error:
            return 'failed', f'{type(error).__name__}: {str(error)[:200]}'
    if watch.seen or canary.exists():
        return 'failed', f'code ran: {watch.seen or canary}'
    return outcome, ''


def work(connection, jobs: list[tuple[str, int]]) -> None:
    """Run cases and tell their outcomes; ``'ready'`` says that the first of a kind begins."""
    os.environ['CUDA_VISIBLE_DEVICES'] = ''
    sys.path[:0] = PATHS
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        import warnings

        from targets import TARGETS

        import eva_mm  # noqa: F401  its compat hooks come before any host

        warnings.simplefilter('ignore')
        canary, watch, target = Path(folder, 'canary'), Watch(), None
        for kind, number in jobs:
            if target is None or target.name != kind:
                resource.setrlimit(resource.RLIMIT_AS, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
                target = TARGETS[kind](Path(folder), canary)
                run_case(target, 0, watch, canary)  # imports what is imported late
                size = int(Path('/proc/self/statm').read_text().split()[0]) * resource.getpagesize()
                resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, resource.RLIM_INFINITY))
                # libraries of C write past sys.stderr
                with open(os.devnull, 'w') as nowhere:
                    os.dup2(nowhere.fileno(), 1)
                    os.dup2(nowhere.fileno(), 2)
                connection.send(('ready', '', 0.0))
            begin = time.process_time()
            outcome, reason = run_case(target, number, watch, canary)
            connection.send((outcome, reason, time.process_time() - begin))


@dataclass
class Figures:
    """Of one kind: how often each outcome was, what failed, and CPU seconds of all cases and of the longest one."""

    counts: Counter = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    seconds: float = 0.0
    longest: float = 0.0
    longest_case: int = 0

    def __str__(self) -> str:
        return (
            f'{self.counts.total():>7,} cases: {self.counts["read"]:>6,} read, {self.counts["refused"]:>6,} refused, '
            f'{len(self.failures)} failed; longest {self.longest:.2f} s (case {self.longest_case}), '
            f'all {self.seconds:.0f} s'
        )

    def add(self, number: int, outcome: str, reason: str, seconds: float) -> None:
        self.counts[outcome] += 1
        self.failures += [reason] * bool(reason)
        self.seconds += seconds
        if seconds > self.longest:
            self.longest, self.longest_case = seconds, number


class Worker:
    """A process that runs cases."""

    def __init__(self, jobs: list[tuple[str, int]]) -> None:
        context = multiprocessing.get_context('spawn')
        self.receiver, sender = context.Pipe(duplex=False)
        self.process = context.Process(target=work, args=(sender, jobs))
        self.process.start()
        sender.close()

    def _cpu_seconds(self) -> float:
        """Of the process so far."""
        with suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f'/proc/{self.process.pid}/stat').read_text().rpartition(')')[2].split()
            return (int(fields[11]) + int(fields[12])) / os.sysconf('SC_CLK_TCK')
        return 0.0

    def _comes(self, limit: float) -> bool:
        """Whether a message comes; a process that others starve gets more time than one that waits or computes."""
        start = last = self._cpu_seconds()
        while not self.receiver.poll(limit):
            now = self._cpu_seconds()
            if now - last < limit / 100 or now - start >= limit:
                return False
            last = now
        return True

    def outcome(self, limit: float) -> tuple[str, str, float]:
        """The next message of the process, or why there is none; it has ended then."""
        try:
            if self._comes(limit):
                return self.receiver.recv()
        except EOFError:
            self.process.join()
            return 'ended', f'the process ended with {self.process.exitcode}', 0.0
        self.process.kill()
        self.process.join()
        return 'ended', f'it took longer than {limit} s', limit


def fuzz(kinds: Sequence[str], cases: int, limit: float) -> dict[str, Figures]:
    """Run cases of some kinds, and tell what failed.

    Raises:
        RuntimeError: A kind cannot begin.
    """
    jobs = [(kind, number) for kind in kinds for number in range(cases)]
    figures = {kind: Figures() for kind in kinds}
    worker, begun, done = Worker(jobs), '', 0
    while done < len(jobs):
        kind, number = jobs[done]
        outcome, reason, seconds = worker.outcome(limit if begun == kind else START_SECONDS)
        if outcome == 'ready':
            begun = kind
            continue
        if outcome == 'ended':
            if begun != kind:
                raise RuntimeError(f'{kind} does not begin: {reason}.')
            outcome, begun = 'failed', ''
        figures[kind].add(number, outcome, reason and f'{kind} {number}: {reason}', seconds)
        if reason:
            print(figures[kind].failures[-1], flush=True)
        done += 1
        if number + 1 == cases:
            print(f'{kind:<11}{figures[kind]}', flush=True)
        if not begun and done < len(jobs):
            worker = Worker(jobs[done:])
    worker.process.join()
    return figures


def repeat(kind: str, number: int) -> None:
    """One case again, in this process, with what its readers raise."""
    sys.path[:0] = PATHS
    from targets import TARGETS

    import eva_mm  # noqa: F401

    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        for read in TARGETS[kind](Path(folder), Path(folder, 'canary')).readers(random.Random(f'{kind} {number}')):
            try:
                read()
            except Exception:
                traceback.print_exc()
        print(f'canary: {Path(folder, "canary").exists()}')


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--kind', choices=KINDS, action='append', help='default: all')
    parser.add_argument('--cases', type=int, default=10_000, help='of each kind (default: 10,000)')
    parser.add_argument('--case', type=int, help='only this one, of the kind given')
    parser.add_argument(
        '--limit', type=float, default=20, metavar='SECONDS', help='of CPU, or of waiting, for one case (default: 20)'
    )
    parser.add_argument('--out', help='write the figures to this json file')
    args = parser.parse_args()
    if args.case is not None:
        repeat((args.kind or KINDS)[0], args.case)
        return
    figures = fuzz(args.kind or KINDS, args.cases, args.limit)
    if args.out:
        plain = {
            kind: dict(each.counts, longest=round(each.longest, 2), seconds=round(each.seconds))
            for kind, each in figures.items()
        }
        Path(args.out).write_text(json.dumps(plain, indent=1) + '\n')
    sys.exit(any(each.failures for each in figures.values()))


if __name__ == '__main__':
    main()
