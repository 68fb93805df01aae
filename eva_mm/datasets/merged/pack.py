"""What was found in containers as the arrays of an index."""

import os
from collections.abc import Iterable, Sequence

import numpy as np

from eva_mm.datasets.merged.containers import FOLDER, Container
from eva_mm.datasets.merged.index import CONTAINER, MergedIndex
from eva_mm.datasets.merged.scan import IMAGE, Scan


def pack(container: Container, found: Scan, first: int, text: int) -> tuple[tuple, np.ndarray, bytes]:
    """A container for an index that already has ``first`` images and ``text`` bytes of text.

    Returns:
        Its row, its images, and what is appended to the text: path, prefix and suffix, then the names of a folder.
    """
    head = b'\0'.join([os.fsencode(container.path), found.prefix, found.suffix])
    rows = found.images
    if container.kind == FOLDER:
        rows = rows.copy()
        rows['offset'] += text + len(head)
    return (first, found.size, text, len(head), container.source, container.kind), rows, head + found.text


def index_in_memory(sources: Sequence[str], scans: Iterable[tuple[Container, Scan]]) -> MergedIndex:
    """An index without files; ``sources`` are names."""
    images, containers, text, first = [np.empty(0, IMAGE)], [], bytearray(), 0
    for container, found in scans:
        if not len(found.images):
            continue
        row, rows, added = pack(container, found, first, len(text))
        containers.append(row)
        images.append(rows)
        text += added
        first += len(rows)
    rows = np.array(containers, CONTAINER) if containers else np.empty(0, CONTAINER)
    return MergedIndex(sources, np.concatenate(images), rows, np.frombuffer(bytes(text), np.uint8))
