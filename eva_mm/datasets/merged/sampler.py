"""The order of tens of millions of samples without a Python object for each."""

from collections.abc import Iterator

import torch
from mmengine.dataset import DefaultSampler

from eva_mm.registry import DATA_SAMPLERS


@DATA_SAMPLERS.register_module()
class LeanSampler(DefaultSampler):
    """:class:`DefaultSampler` with the same order in less memory: 8 bytes for each sample of this rank.

    Its parent makes a list of all samples of all ranks in every rank. With ``round_up=True`` ranks get equally many, a
    few samples twice if need be; with ``round_up=False`` every sample is there exactly once over all ranks.
    """

    def _order(self) -> torch.Tensor:
        if not self.shuffle:
            return torch.arange(len(self.dataset))
        generator = torch.Generator().manual_seed(self.seed + self.epoch)
        return torch.randperm(len(self.dataset), generator=generator)

    def __iter__(self) -> Iterator[int]:
        order = self._order()
        # a copy, so that the order of all ranks can be freed
        own = order[self.rank :: self.world_size].clone()
        # rounding up goes on with the first samples, again from the start where there are fewer samples than ranks
        last = self.rank + (self.num_samples - 1) * self.world_size
        extra = order[last % len(order)].item() if len(own) < self.num_samples else None
        del order
        for start in range(0, len(own), 4096):
            yield from own[start : start + 4096].tolist()
        if extra is not None:
            yield extra
