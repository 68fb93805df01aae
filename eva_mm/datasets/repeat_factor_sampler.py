"""Images with rare classes are seen more often (arXiv 1908.03195)."""

import itertools
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Any

import torch
from mmengine.dist import get_dist_info, sync_random_seed
from torch.utils.data import Sampler

from eva_mm.registry import DATA_SAMPLERS


def repeat_factors(classes: Sequence[set[int]], threshold: float) -> torch.Tensor:
    """How often each image is to be seen: (number of images,), at least 1.

    A class that is in a share f of the images gets ``max(1, sqrt(threshold / f))``, an image the largest of its
    classes.

    Args:
        classes: Classes in each image.
        threshold: Share of the images below which a class is rare.
    """
    images = Counter(itertools.chain.from_iterable(classes))
    factor = {label: max(1.0, math.sqrt(threshold * len(classes) / count)) for label, count in images.items()}
    return torch.tensor([max((factor[label] for label in labels), default=1.0) for labels in classes])


@DATA_SAMPLERS.register_module()
class RepeatFactorSampler(Sampler):
    """An endless stream of images, each repeated by its factor in every round, split over the processes.

    Args:
        dataset: Has ``get_cat_ids(index)``, as mmdet's data sets.
        repeat_thr: See :func:`repeat_factors`; the released LVIS recipe has 0.001.
        stochastic_rounding: A factor of 2.3 gives 2 views in 70 % of the rounds and 3 in the others, as released; off:
            always 3, as mmengine's ``ClassBalancedDataset``.
        shuffle: Each round in another order.
        seed: ``None`` takes one that all processes share.

    Raises:
        ValueError: ``repeat_thr`` is not positive.
    """

    def __init__(
        self,
        dataset: Any,
        repeat_thr: float,
        stochastic_rounding: bool = True,
        shuffle: bool = True,
        seed: int | None = None,
    ) -> None:
        if repeat_thr <= 0:
            raise ValueError(f'repeat_thr={repeat_thr} must be a positive share of the images, for instance 0.001.')
        self.rank, self.world_size = get_dist_info()
        self.stochastic_rounding = stochastic_rounding
        self.shuffle = shuffle
        self.seed = sync_random_seed() if seed is None else seed
        self.size = len(dataset)
        classes = [set(dataset.get_cat_ids(index)) for index in range(self.size)]
        self.factors = repeat_factors(classes, repeat_thr)

    def _rounds(self) -> Iterator[int]:
        generator = torch.Generator().manual_seed(self.seed)
        while True:
            if self.stochastic_rounding:
                chance = torch.rand(self.size, generator=generator)
                repeats = self.factors.floor() + (chance < self.factors.frac())
            else:
                repeats = self.factors.ceil()
            indices = torch.arange(self.size).repeat_interleave(repeats.long())
            if self.shuffle:
                indices = indices[torch.randperm(len(indices), generator=generator)]
            yield from indices.tolist()

    def __iter__(self) -> Iterator[int]:
        return itertools.islice(self._rounds(), self.rank, None, self.world_size)

    def __len__(self) -> int:
        return self.size

    def set_epoch(self, epoch: int) -> None:
        """The stream has no epochs."""
