"""Patches that are left when others are dropped or hidden."""

from typing import NamedTuple

import torch
from torch import Tensor


class Kept(NamedTuple):
    """What attention gets in place of a grid when patches are missing.

    Attributes:
        grid: (H, W) or (T, H, W) of all patches.
        indices: (B, K) of the kept ones, in the order of the tokens.
    """

    grid: tuple[int, ...]
    indices: Tensor

    def tokens(self, num_extra_tokens: int) -> Tensor:
        """Indices (B, E + K) of the kept tokens among E tokens in front and all patches."""
        front = torch.arange(num_extra_tokens, device=self.indices.device)
        return torch.cat((front.expand(len(self.indices), -1), self.indices + num_extra_tokens), dim=1)

    def take(self, x: Tensor, num_extra_tokens: int) -> Tensor:
        """Tokens (B, E + N, C) to the kept ones (B, E + K, C)."""
        return x.gather(1, self.tokens(num_extra_tokens).unsqueeze(-1).expand(-1, -1, x.shape[-1]))
