"""Batches whose content depends on seed and iteration alone, so that a run can go on anywhere."""

import copy
import itertools
import random
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from mmengine.dataset import InfiniteSampler
from torch.utils.data import DataLoader, Dataset

from eva_mm.engine.long_run.loaders import rebuild

Key = tuple[int, tuple[int, ...]]  # index into the data set, and what the sample's seed is made of


class SeededSamples(Dataset):
    """A data set that seeds Python, NumPy and torch for every sample by what comes with the index.

    What a worker process has drawn before no longer matters, nor how many workers there are. Everything else is that
    of the data set inside.

    Args:
        dataset: Any data set with indices.
    """

    def __init__(self, dataset: Dataset) -> None:
        self.dataset = dataset

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name == 'dataset':
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Hooks of hosts change pipelines through the loader's data set."""
        if name == 'dataset':
            object.__setattr__(self, name, value)
        else:
            setattr(self.dataset, name, value)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, key: Key) -> Any:
        index, entropy = key
        seed = int(np.random.SeedSequence((*entropy, index)).generate_state(1)[0])
        random.seed(seed)
        np.random.seed(seed)
        torch.manual_seed(seed)
        return self.dataset[index]


class ResumableBatches:
    """The batches of another batch sampler from any iteration on, each index with its seed.

    Batches that are skipped cost their indices; nothing is read or decoded. The order of the samples is that of the
    sampler inside, whichever it is: a function of its seed and epoch.

    Args:
        batches: A batch sampler; its ``sampler`` may have ``seed`` and ``set_epoch``.
        seed: Seed of the samples' randomness.
        endless: Start the next epoch when one is through.
    """

    def __init__(self, batches: Any, seed: int, endless: bool = False) -> None:
        self.batches = batches
        self.sampler = batches.sampler  # where mmengine's hooks look for `set_epoch`
        self.batch_size = batches.batch_size
        self.seed = seed
        self.endless = endless
        self._sampler_seed = getattr(self.sampler, 'seed', None)
        self._entropy: tuple[int, ...] = (seed,)
        self._first = self._skip = 0

    def start(self, first: int, skip: int) -> None:
        """Say which iteration the first batch of the next pass is, and how many of the pass are done."""
        self._first, self._skip = first, skip

    def reseed(self, change: int) -> None:
        """Draw other samples in another order; ``change`` 0 is the original one."""
        self._entropy = (self.seed, change) if change else (self.seed,)
        if self._sampler_seed is not None:
            self.sampler.seed = self._sampler_seed + 1_000_003 * change

    def __len__(self) -> int:
        return len(self.batches)

    def __iter__(self) -> Iterator[list[Key]]:
        if isinstance(self.sampler, InfiniteSampler):
            self.sampler.indices = self.sampler._indices_of_rank()  # its own can be used once
        for number, batch in enumerate(self._passes() if self.endless else self._pass()):
            if number >= self._skip:
                entropy = (*self._entropy, self._first + number)
                yield [(index, entropy) for index in batch]

    def _pass(self) -> Iterator[list[int]]:
        # batch samplers that sort by shape would go on with what an abandoned pass has left in their lists
        batches = copy.copy(self.batches)
        for name, value in vars(self.batches).items():
            if isinstance(value, list):
                setattr(batches, name, copy.deepcopy(value))
        yield from batches

    def _passes(self) -> Iterator[list[int]]:
        for epoch in itertools.count():
            if hasattr(self.sampler, 'set_epoch'):
                self.sampler.set_epoch(epoch)
            yield from self._pass()


def resumable(loader: DataLoader, seed: int, endless: bool = False) -> DataLoader:
    """The same data loader, of a data set with indices, with :class:`ResumableBatches` of :class:`SeededSamples`."""
    batches = ResumableBatches(loader.batch_sampler, seed, endless)
    return rebuild(loader, SeededSamples(loader.dataset), batches)
