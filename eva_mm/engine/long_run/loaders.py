"""The data loaders of a runner's loops, and putting others in their places before they are read."""

from collections.abc import Callable, Iterator
from typing import Any

from mmengine.runner.loops import _InfiniteDataloaderIterator
from torch.utils.data import DataLoader, Dataset, IterableDataset

LOOPS = ('train', 'val', 'test')


def is_stream(loader: DataLoader) -> bool:
    """Whether a loader reads a data set without indices."""
    return loader.batch_sampler is None or isinstance(loader.dataset, IterableDataset)


def rebuild(loader: DataLoader, dataset: Dataset, batch_sampler: Any = None) -> DataLoader:
    """The same data loader of another data set with the same indices.

    Args:
        loader: A loader with a batch sampler; it has not been read.
        dataset: The other data set.
        batch_sampler: ``None``: that of the loader.
    """
    return DataLoader(
        dataset,
        batch_sampler=batch_sampler or loader.batch_sampler,
        num_workers=loader.num_workers,
        collate_fn=loader.collate_fn,
        pin_memory=loader.pin_memory,
        pin_memory_device=loader.pin_memory_device,
        timeout=loader.timeout,
        worker_init_fn=loader.worker_init_fn,
        multiprocessing_context=loader.multiprocessing_context,
        prefetch_factor=loader.prefetch_factor,
        persistent_workers=loader.persistent_workers,
    )


def built_loops(runner: Any) -> Iterator[tuple[str, Any]]:
    """Name and loop, of those that the runner has built."""
    for name in LOOPS:
        loop = getattr(runner, f'_{name}_loop', None)
        if loop is not None and not isinstance(loop, dict):
            yield name, loop


def change_loaders(loop: Any, change: Callable[[DataLoader], DataLoader]) -> None:
    """Replace every data loader that a loop has by ``change(loader)``, and start reading the new ones anew.

    mmengine's iteration-based loop starts the workers when it is built.
    """
    for name, value in list(vars(loop).items()):
        if isinstance(value, DataLoader):
            setattr(loop, name, change(value))
    for name, value in list(vars(loop).items()):
        if isinstance(value, _InfiniteDataloaderIterator):
            setattr(loop, name, _InfiniteDataloaderIterator(loop.dataloader))
