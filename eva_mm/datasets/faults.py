"""What can be wrong with a sample of any task, what is done about it, and who counts it."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import get_rank
from PIL import UnidentifiedImageError
from PIL.Image import DecompressionBombError
from torch.utils.data import get_worker_info

from eva_mm.safe_io.images import ImageSizeError
from eva_mm.safe_io.printed import printable

# samples that cannot be used: images, label maps and pairs, and what videos have beyond them
BROKEN_IMAGES = ('missing', 'changed', 'empty', 'too large', 'too many pixels', 'truncated', 'no image', 'undecodable')
BROKEN = (*BROKEN_IMAGES, 'no video stream', 'too short')
# images that can be used, and that a user may want to know of
ODD = ('tiny', 'elongated', 'wrong extension', 'cmyk', '16-bit', 'animated', 'rotated')
KINDS = BROKEN + ODD

ACTIONS = ('use', 'replace', 'refuse')

# places of the counters: the process itself, and as many workers as a loader may have
_SLOTS = 257


class Fault(ValueError):
    """A sample that cannot be used, or that the policy does not want.

    Args:
        message: One line: which file, what is wrong with it, what to do.
        kind: One of :data:`KINDS`.
    """

    def __init__(self, message: str, kind: str = 'undecodable') -> None:
        super().__init__(message)
        self.kind = kind


def image_fault(error: BaseException) -> str:
    """What a reader's error says of an image: one of :data:`BROKEN_IMAGES`, told by the error and its causes."""
    text, cause = str(error).lower(), error
    while cause is not None:
        if isinstance(cause, (ImageSizeError, DecompressionBombError)):
            return 'too many pixels'
        if isinstance(cause, UnidentifiedImageError):
            return 'no image'
        if isinstance(cause, EOFError):
            return 'truncated'
        cause = cause.__cause__
    return 'truncated' if 'truncated' in text else 'undecodable'


def make_policy(policy: Mapping[str, str] | str) -> dict[str, str]:
    """The action for every kind: broken samples are replaced and odd ones used, unless ``policy`` says otherwise.

    Args:
        policy: Actions by kind, or one of ``'replace'`` and ``'refuse'`` for all that is broken.

    Raises:
        ValueError: A kind or an action is unknown, or a broken sample is to be used.
    """
    if isinstance(policy, str):
        policy = dict.fromkeys(BROKEN, policy)
    for kind, action in policy.items():
        if kind not in KINDS:
            raise ValueError(f'policy names {kind!r}, which is no kind of fault: choose from {", ".join(KINDS)}.')
        if action not in ACTIONS or (kind in BROKEN and action == 'use'):
            allowed = ', '.join(ACTIONS[kind in BROKEN :])
            raise ValueError(f'policy for samples that are {kind!r} is {action!r}: choose from {allowed}.')
    return dict.fromkeys(BROKEN, 'replace') | dict.fromkeys(ODD, 'use') | dict(policy)


class FaultLog:
    """Counts by source and kind, shared by the workers of a process, and a journal of which samples it was.

    Every worker has counters and a journal file of its own, so none waits for another and none is lost.

    Attributes:
        columns: What is counted: samples that were asked for, samples that were replaced, and samples of each kind.
        sources: Names of the sources.

    Args:
        sources: Names of the sources of samples.
        num_samples: Samples of all sources; one bit each remembers what is in a journal.
    """

    columns = ('samples', 'replaced', *KINDS)

    def __init__(self, sources: Sequence[str], num_samples: int) -> None:
        self.sources = tuple(sources)
        self._counts = torch.zeros(_SLOTS, len(self.sources), len(self.columns), dtype=torch.int64).share_memory_()
        self._known = torch.zeros((num_samples + 7) // 8, dtype=torch.uint8).share_memory_()
        self._folder: Path | None = None
        self._rank = 0
        self._read: dict[Path, int] = {}

    @staticmethod
    def _slot() -> int:
        info = get_worker_info()
        # workers beyond the last slot share it: a count may then be lost
        return 0 if info is None else min(1 + info.id, _SLOTS - 1)

    def count(self, source: int, column: str) -> None:
        """Add one to one of :attr:`columns`."""
        self._counts[self._slot(), source, self.columns.index(column)] += 1

    def note(self, index: int, source: int, kinds: Sequence[str], name: str, detail: str) -> None:
        """Count sample ``index`` under each of ``kinds``; write it to the journal the first time.

        Args:
            index: Number of the sample.
            source: Number of its source.
            kinds: Of :data:`KINDS`.
            name: Of the file.
            detail: What is wrong with it.
        """
        for kind in kinds:
            self.count(source, kind)
        if self._folder is None or self._is_known(index):
            return
        self.mark([index])
        fields = dict(index=index, source=self.sources[source], name=shown(name), detail=detail)
        lines = [json.dumps(dict(fields, kind=kind)) + '\n' for kind in kinds]
        try:
            with open(self._folder / f'rank{self._rank}_worker{self._slot()}.jsonl', 'a') as file:
                file.write(''.join(lines))
        except OSError:  # the counts stand; that the disk is full is said where the log is written
            pass

    def counts(self) -> np.ndarray:
        """What all workers of this process have counted: (sources, columns)."""
        return self._counts.sum(0).numpy()

    def _is_known(self, index: int) -> bool:
        return bool(self._known[index // 8] >> (index % 8) & 1)

    def mark(self, indices: Iterable[int]) -> None:
        """Do not write these samples to a journal any more."""
        for index in indices:
            self._known[index // 8] |= 1 << (index % 8)

    def start_journal(self, folder: Path) -> None:
        """Write journals to ``folder``, without those that an earlier run of this rank has left there.

        Call it before the workers are started.
        """
        # a worker that is spawned does not know its rank
        self._rank = get_rank()
        folder.mkdir(parents=True, exist_ok=True)
        for old in folder.glob(f'rank{self._rank}_worker*.jsonl'):
            old.unlink()
        self._folder = folder
        self._read.clear()

    def new_entries(self) -> list[dict]:
        """What the workers of this process have written since the last call."""
        entries = []
        for path in sorted(self._folder.glob(f'rank{self._rank}_worker*.jsonl')) if self._folder else ():
            with open(path, 'rb') as file:
                file.seek(self._read.get(path, 0))
                # a worker may be in the middle of a line
                lines = file.read()
                whole = lines[: lines.rfind(b'\n') + 1]
            self._read[path] = self._read.get(path, 0) + len(whole)
            entries += [json.loads(line) for line in whole.splitlines()]
        return entries


def read_or_replace(
    read: Callable[[int, bool], Any],
    index: int,
    stand_ins: Iterable[int],
    faults: FaultLog,
    source: int,
    policy: Mapping[str, str],
) -> Any:
    """Sample ``index``, or the first of its stand-ins that can be read.

    Args:
        read: Takes the number of a sample and whether its faults are to be noted, and raises :class:`Fault`. Those of
            stand-ins are not: they are noted in their own turn.
        index: The sample that was asked for.
        stand_ins: Numbers of other samples, tried in turn.
        faults: Where samples are counted.
        source: Number of the sample's source there.
        policy: Of :func:`make_policy`.

    Raises:
        Fault: By ``'refuse'``, or if no stand-in can be read.
    """
    faults.count(source, 'samples')
    try:
        return read(index, True)
    except Fault as fault:
        if policy[fault.kind] == 'refuse':
            raise
        first = fault
    faults.count(source, 'replaced')
    tried = 0
    for other in stand_ins:
        try:
            return read(other, False)
        except Fault:
            tried += 1
    what = f'None of {tried} replacements could be read either: check the path of the data.'
    raise Fault(f'{first} {what}', first.kind)


def shown(path: str) -> str:
    """A name that may hold control characters or bytes that are not UTF-8, for people."""
    return printable(path)
