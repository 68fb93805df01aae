"""Looking into the images of a container: which cannot be read, which are also in an evaluation set."""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from eva_mm.datasets.faults import BROKEN, ODD, Fault, shown
from eva_mm.datasets.merged.containers import FOLDER, Container, find_containers
from eva_mm.datasets.merged.decode import decode
from eva_mm.datasets.merged.files import Files
from eva_mm.datasets.merged.index import Place, name_of, read_place
from eva_mm.datasets.merged.pack import index_in_memory
from eva_mm.datasets.merged.scan import Scan, scan
from eva_mm.safe_io.images import Limits


@dataclass(frozen=True)
class EvaluationSets:
    """Images that must not be trained on, by the hash of their bytes.

    Finds copies that are equal byte by byte, under any name. It does not find the same picture encoded, resized,
    cropped or stored anew.

    Attributes:
        names: SHA-256 of the bytes to a name.
        sizes: Lengths that these images have; one of another length need not be read.
    """

    names: Mapping[bytes, str] = field(default_factory=dict)
    sizes: frozenset[int] = frozenset()

    @classmethod
    def read(cls, root: str, sets: Mapping[str, str]) -> 'EvaluationSets':
        """Hash all images of some sources, as :func:`find_containers` takes them."""
        names, sizes, files = {}, set(), Files()
        set_names = list(sets)
        for container in find_containers(root, sets):
            for place in places(container, scan(root, container)):
                content = read_place(root, place, files)
                name = name_of(root, place, files)[0]
                names[hashlib.sha256(content).digest()] = f'{set_names[container.source]}: {shown(name)}'
                sizes.add(len(content))
        return cls(names, frozenset(sizes))


class Finding(NamedTuple):
    """What is to be said of one image.

    Attributes:
        row: Its number in the container.
        kind: One of ``faults.KINDS``, or ``'duplicate'``.
        name: For people.
        detail: Why, or the evaluation image.
    """

    row: int
    kind: str
    name: str
    detail: str


def places(container: Container, found: Scan) -> Iterator[Place]:
    """Where the images of one container are."""
    index = index_in_memory([''], [(container._replace(source=0), found)])
    return (index.locate(number) for number in range(len(index)))


def _size(root: str, place: Place) -> int | None:
    """Length of the image; ``None`` if only reading it tells."""
    if place.kind == FOLDER:
        try:
            return os.path.getsize(os.path.join(root, place.path))
        except OSError:
            return None
    return None if place.deflated else place.size


@dataclass(frozen=True)
class Examiner:
    """Scans a container and looks into its images.

    Args:
        root: What paths are relative to.
        decodes: Decode every image.
        evaluation: Images that must not be among them.
        limits: As for training.
        exclude: What is left out of the index: ``'unreadable'``, ``'duplicate'``, or kinds of ``faults.ODD``.
    """

    root: str
    decodes: bool = False
    evaluation: EvaluationSets = EvaluationSets()
    limits: Limits = Limits()
    exclude: frozenset[str] = frozenset()

    def _look(self, row: int, place: Place, files: Files) -> Iterator[Finding]:
        size = _size(self.root, place)
        is_candidate = bool(self.evaluation.sizes) and (size is None or size in self.evaluation.sizes)
        if not (self.decodes or is_candidate or size == 0):
            return
        name, suffix = name_of(self.root, place, files)
        try:
            content = read_place(self.root, place, files)
            twin = self.evaluation.names.get(hashlib.sha256(content).digest()) if is_candidate else None
            if twin is not None:
                yield Finding(row, 'duplicate', shown(name), twin)
            if self.decodes or not content:
                pixels, oddities = decode(content, shown(name), suffix, self.limits)
                for kind in oddities:
                    yield Finding(row, kind, shown(name), f'{pixels.shape[1]} x {pixels.shape[0]} pixels')
        except Fault as error:
            yield Finding(row, error.kind, shown(name), str(error))

    def __call__(self, container: Container) -> tuple[Scan, list[Finding]]:
        """What the container holds, less what is excluded, and what is to be said of its images."""
        found = scan(self.root, container)
        files = Files(max_bytes=self.limits.max_bytes)
        findings = [
            finding for row, place in enumerate(places(container, found)) for finding in self._look(row, place, files)
        ]
        left_out = sorted({each.row for each in findings if group(each.kind) in self.exclude})
        if left_out:
            found.images = np.delete(found.images, left_out)
            found.skipped += Counter(excluded=len(left_out))
        return found, findings


def group(kind: str) -> str:
    """``'unreadable'`` for all kinds of ``faults.BROKEN``, else the kind itself."""
    return 'unreadable' if kind in BROKEN else kind


def check_exclusions(names: Iterable[str]) -> frozenset[str]:
    """The groups of findings that are left out of an index.

    Raises:
        ValueError: There is no such group.
    """
    known = ('unreadable', 'duplicate', *ODD)
    for name in names:
        if name not in known:
            raise ValueError(f'{name!r} cannot be excluded: choose from {", ".join(known)}.')
    return frozenset(names)
