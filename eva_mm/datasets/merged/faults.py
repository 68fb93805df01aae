"""What can be wrong with an image, what is done about it, and who counts it."""

import json
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import get_rank
from torch.utils.data import get_worker_info

from eva_mm.safe_io.printed import printable

# images that cannot be used
BROKEN = ('missing', 'changed', 'empty', 'too large', 'too many pixels', 'truncated', 'no image', 'undecodable')
# images that can be used, and that a user may want to know of
ODD = ('tiny', 'elongated', 'wrong extension', 'cmyk', '16-bit', 'animated', 'rotated')
KINDS = BROKEN + ODD

ACTIONS = ('use', 'replace', 'refuse')

# places of the counters: the process itself, and as many workers as a loader may have
_SLOTS = 257


class BrokenImageError(ValueError):
    """An image that cannot be used; ``kind`` is one of :data:`KINDS`."""

    def __init__(self, message: str, kind: str = 'undecodable') -> None:
        super().__init__(message)
        self.kind = kind


def make_policy(policy: Mapping[str, str] | str) -> dict[str, str]:
    """The action for every kind: broken images are replaced and odd ones used, unless ``policy`` says otherwise.

    Args:
        policy: Actions by kind, or one of ``'replace'`` and ``'refuse'`` for all that is broken.

    Raises:
        ValueError: A kind or an action is unknown, or a broken image is to be used.
    """
    if isinstance(policy, str):
        policy = dict.fromkeys(BROKEN, policy)
    for kind, action in policy.items():
        if kind not in KINDS:
            raise ValueError(f'policy names {kind!r}, which is no kind of image: choose from {", ".join(KINDS)}.')
        if action not in ACTIONS or (kind in BROKEN and action == 'use'):
            allowed = ', '.join(ACTIONS[kind in BROKEN :])
            raise ValueError(f'policy for images that are {kind!r} is {action!r}: choose from {allowed}.')
    return dict.fromkeys(BROKEN, 'replace') | dict.fromkeys(ODD, 'use') | dict(policy)


class FaultLog:
    """Counts by source and kind, shared by the workers of a process, and a journal of which images it was.

    Every worker has counters and a journal file of its own, so none waits for another and none is lost.

    Attributes:
        columns: What is counted: images that were asked for, images that were replaced, and images of each kind.

    Args:
        num_sources: Sources of images.
        num_images: Images of all sources; one bit each remembers what is in a journal.
    """

    columns = ('images', 'replaced', *KINDS)

    def __init__(self, num_sources: int, num_images: int) -> None:
        self._counts = torch.zeros(_SLOTS, num_sources, len(self.columns), dtype=torch.int64).share_memory_()
        self._known = torch.zeros((num_images + 7) // 8, dtype=torch.uint8).share_memory_()
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

    def note(self, index: int, source: int, kinds: Sequence[str], fields: Mapping[str, str]) -> None:
        """Count image ``index`` under each of ``kinds``; write ``fields`` to the journal the first time."""
        for kind in kinds:
            self.count(source, kind)
        if self._folder is None or self._is_known(index):
            return
        self.mark([index])
        lines = [json.dumps(dict(index=index, kind=kind, **fields)) + '\n' for kind in kinds]
        with open(self._folder / f'rank{self._rank}_worker{self._slot()}.jsonl', 'a') as file:
            file.write(''.join(lines))

    def counts(self) -> np.ndarray:
        """What all workers of this process have counted: (sources, columns)."""
        return self._counts.sum(0).numpy()

    def _is_known(self, index: int) -> bool:
        return bool(self._known[index // 8] >> (index % 8) & 1)

    def mark(self, indices: Iterable[int]) -> None:
        """Do not write these images to a journal any more."""
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


def shown(path: str) -> str:
    """A name that may hold control characters or bytes that are not UTF-8, for people."""
    return printable(path)
