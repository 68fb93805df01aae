"""The harness that fuzzes readers: a few cases of each kind, and that it sees what it looks for."""

import os
import random
from collections.abc import Callable, Iterator

from run import KINDS, Watch, Worker, fuzz, run_case


def test_no_reader_crashes_hangs_or_runs_code():
    figures = fuzz(KINDS, cases=12, limit=60)
    assert {kind: each.failures for kind, each in figures.items()} == dict.fromkeys(KINDS, [])
    for kind, each in figures.items():
        assert each.counts.total() == 12, kind
        assert each.counts['refused'], kind


class _Target:
    name = 'x'

    def __init__(self, read: Callable[[], object]) -> None:
        self.read = read

    def readers(self, rng: random.Random) -> Iterator[Callable[[], object]]:
        yield self.read


def _raise(error: Exception) -> None:
    raise error


def test_what_a_reader_does_is_seen(tmp_path):
    watch, canary = Watch(), tmp_path / 'canary'

    def swallow() -> None:
        try:
            os.system('true')
        except PermissionError:
            raise ValueError('refused') from None

    def outcome(read: Callable[[], object]) -> tuple[str, str]:
        return run_case(_Target(read), 0, watch, canary)

    assert outcome(lambda: None) == ('read', '')
    assert outcome(lambda: _raise(ValueError('a reason'))) == ('refused', '')
    assert outcome(lambda: _raise(KeyError('model')))[0] == 'failed'
    assert 'more than one line' in outcome(lambda: _raise(ValueError('a\nb')))[1]
    assert 'os.system' in outcome(swallow)[1]
    assert 'os.exec' in outcome(lambda: os.execv('/does/not/exist', ['x']))[1]
    assert 'code ran' in outcome(canary.touch)[1]


def test_a_process_that_ends_or_hangs_is_told():
    assert 'the process ended with 1' in Worker([('a kind that there is not', 0)]).outcome(60)[1]
    slow = Worker([('checkpoint', 0)])
    assert slow.outcome(0.01) == ('ended', 'it took longer than 0.01 s', 0.01)
    assert not slow.process.is_alive()
