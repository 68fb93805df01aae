"""An index of made-up images as large as the real one, and what opening and using it costs."""

import multiprocessing
import os
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from eva_mm.datasets.merged.containers import FOLDER, TAR, Container
from eva_mm.datasets.merged.index import MergedIndex
from eva_mm.datasets.merged.index_writer import IndexWriter
from eva_mm.datasets.merged.scan import IMAGE, Scan

# share of the images, images of a container, kind
SOURCES = {
    'in21k': (0.475, 650, FOLDER),
    'ade20k': (0.0007, 20_210, FOLDER),
    'cc12m': (0.365, 8_500, TAR),
    'cc3m': (0.095, 8_500, TAR),
    'coco': (0.004, 118_287, FOLDER),
    'o365': (0.0603, 35_000, FOLDER),
}


def _folder(first: int, number: int) -> Scan:
    """Names such as ``n01440764_10026.JPEG``, of which the number differs."""
    numbers = [b'%d' % (first % 30_000 + each) for each in range(number)]
    images = np.empty(number, IMAGE)
    images['size'] = [len(each) for each in numbers]
    images['offset'] = np.cumsum(images['size']) - images['size']
    return Scan(images, b''.join(numbers), b'n%08d_' % (first % 10**8), b'.JPEG')


def _shard(rng: np.random.Generator, number: int) -> Scan:
    images = np.empty(number, IMAGE)
    images['size'] = rng.integers(5_000, 60_000, number)
    images['offset'] = np.cumsum(images['size'] + 2560, dtype=np.uint64) - images['size']
    return Scan(images, size=int(images['offset'][-1]) + 10**6)


def made_up(total: int) -> Iterator[tuple[Container, Scan]]:
    """Containers with ``total`` images in all."""
    rng, left = np.random.default_rng(0), total
    for source, (name, (share, per_container, kind)) in enumerate(SOURCES.items()):
        own = left if source == len(SOURCES) - 1 else round(share * total)
        left -= own
        for first in range(0, own, per_container):
            number = min(per_container, own - first)
            path = f'{name}/{first // per_container:08}' + ('' if kind == FOLDER else '.tar')
            yield Container(source, kind, path), _folder(first, number) if kind == FOLDER else _shard(rng, number)


def write(folder: Path, total: int) -> float:
    """Write the index; returns the seconds it took."""
    begin = time.perf_counter()
    writer = IndexWriter(folder, {name: name for name in SOURCES}, dict(made_up=total), restart=True)
    for container, found in made_up(total):
        writer.add('.', container, found, {})
    writer.finish({})
    return time.perf_counter() - begin


def drop_from_cache(folder: Path) -> None:
    """Ask the system to forget the pages of the files."""
    for path in folder.iterdir():
        with open(path, 'rb') as file:
            os.fsync(file.fileno())
            os.posix_fadvise(file.fileno(), 0, 0, os.POSIX_FADV_DONTNEED)


def memory() -> dict[str, float]:
    """Of this process, in MB: resident (``Rss``), with shared pages divided (``Pss``), and mapped from files only."""
    fields = {}
    for line in Path('/proc/self/smaps_rollup').read_text().splitlines()[1:]:
        name, value, *_ = line.split()
        fields[name.rstrip(':')] = int(value) / 1024
    return {name: fields[name] for name in ('Rss', 'Pss', 'Pss_File', 'Pss_Anon')}


def _look_up(index: MergedIndex, seed: int, lookups: int) -> float:
    numbers = np.random.default_rng(seed).integers(0, len(index), lookups).tolist()
    begin = time.process_time()
    for number in numbers:
        index.locate(number)
    # of a whole core, so that processes may share one
    return lookups / (time.process_time() - begin)


def _process(folder, seed, lookups, barrier, results) -> None:
    before = memory()
    begin = time.perf_counter()
    index = MergedIndex.open(folder)
    opened = time.perf_counter() - begin
    rate = _look_up(index, seed, lookups)
    # every page of the index, as an epoch touches them
    checksum = sum(int(np.asarray(each).view(np.uint8)[::4096].sum()) for each in (index._images, index._text))
    # all processes hold all pages before any of them counts
    barrier.wait()
    after = memory()
    barrier.wait()
    results.put(dict(open_s=opened, lookups_per_core_s=rate, before=before, after=after, checksum=checksum))


def measure(folder: Path, processes: int, lookups: int) -> list[dict]:
    """What each of several processes measures."""
    context = multiprocessing.get_context('spawn')
    barrier, results = context.Barrier(processes), context.Queue()
    workers = [
        context.Process(target=_process, args=(folder, seed, lookups, barrier, results)) for seed in range(processes)
    ]
    for worker in workers:
        worker.start()
    found = [results.get() for _ in workers]
    for worker in workers:
        worker.join()
    return found
