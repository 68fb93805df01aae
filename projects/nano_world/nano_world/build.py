"""Make every set of a world on all processor cores; the result does not depend on their number."""

import multiprocessing
from collections.abc import Iterable, Iterator
from importlib import import_module
from pathlib import Path
from typing import Any, Protocol

import cv2
import numpy as np

from . import ade, clip, coco, imagenet, kinetics, manifest, robustness, unlabelled
from .digits import WORDS
from .files import write_lines
from .preview import write_sheet
from .progress import Progress
from .sources import load_sources
from .world import NUM_DIGITS, World

CHUNK = 25
PIXEL_PACKAGES = ('numpy', 'cv2', 'sklearn', 'matplotlib', 'av')

Task = tuple[str, str, int, int]


class NanoSet(Protocol):
    """What a module of this package has to offer to be a set."""

    NAME: str
    SIZES: dict[str, int]

    def write(self, world: World, split: str, index: int) -> Any:
        """Make one item; what it returns reaches ``finish``."""

    def finish(self, world: World, records: dict[str, list[Any]]) -> None:
        """Write what needs all items at once."""

    def preview(self, world: World) -> list[tuple[np.ndarray, str]]:
        """Images read back from the files, with words."""


SETS: dict[str, NanoSet] = {
    module.NAME: module for module in (unlabelled, clip, imagenet, robustness, coco, ade, kinetics)
}


def build(out: Path, arguments: manifest.Arguments, jobs: int) -> bool:
    """Write a nano world.

    Args:
        out: new or empty folder, or one that this function has written to with the same arguments.
        arguments: seed, scale of all sizes, names of the sets.
        jobs: number of processes.

    Returns:
        False if the world was complete already and nothing was done.

    Raises:
        OccupiedError: if ``out`` holds anything else.
        SourceError: if an installed package lacks its pictures.
    """
    if manifest.is_complete(out, arguments):
        return False
    world = World(out, arguments.seed, scaled_sizes(arguments), load_sources(arguments.seed))
    manifest.start(out, arguments)
    write_lines(out / 'classes.txt', WORDS)
    rows = {}
    progress = Progress(sum(sum(sizes.values()) for sizes in world.sizes.values()))
    for name, records in _records(world, jobs, progress):
        SETS[name].finish(world, records)
        rows[name] = SETS[name].preview(world)
        counts = ', '.join(f'{len(items):,} {split}' for split, items in records.items())
        print(f'{name}: {counts}', flush=True)
    write_sheet(out / 'preview.png', rows)
    packages = {name: import_module(name).__version__ for name in PIXEL_PACKAGES}
    manifest.complete(out, arguments, world.sizes, {'packages': packages})
    print(
        f'{progress.done:,} items in {progress.seconds:.0f} s, shown in {out / "preview.png"}',
        flush=True,
    )
    return True


def scaled_sizes(arguments: manifest.Arguments) -> dict[str, dict[str, int]]:
    """Items per set and split; at least ten each, so that every digit occurs."""
    return {
        name: {split: max(NUM_DIGITS, round(n * arguments.scale)) for split, n in SETS[name].SIZES.items()}
        for name in SETS
        if name in arguments.only
    }


def _records(world: World, jobs: int, progress: Progress) -> Iterator[tuple[str, dict[str, list[Any]]]]:
    tasks = [
        (name, split, start, min(start + CHUNK, size))
        for name, sizes in world.sizes.items()
        for split, size in sizes.items()
        for start in range(0, size, CHUNK)
    ]
    records: dict[str, dict[str, list[Any]]] = {}
    for (name, split, start, stop), items in zip(tasks, _run(world, tasks, jobs), strict=True):
        of_set = records.setdefault(name, {})
        of_set.setdefault(split, []).extend(items)
        progress.step(name, stop - start)
        if [len(part) for part in of_set.values()] == list(world.sizes[name].values()):
            yield name, records.pop(name)


def _run(world: World, tasks: list[Task], jobs: int) -> Iterable[list[Any]]:
    if jobs == 1:
        _start_worker(world)
        yield from map(_write_items, tasks)
        return
    with multiprocessing.get_context('spawn').Pool(jobs, _start_worker, (world,)) as pool:
        yield from pool.imap(_write_items, tasks)


def _start_worker(world: World) -> None:
    global _world
    _world = world
    cv2.setNumThreads(1)


def _write_items(task: Task) -> list[Any]:
    name, split, start, stop = task
    return [SETS[name].write(_world, split, index) for index in range(start, stop)]
