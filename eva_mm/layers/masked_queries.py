"""Queries among the tokens of the last blocks, each of which may be kept to the patches of its own mask (EoMT).

Shape letters: B batch, Q queries, E tokens in front of the patches, (H, W) the grid of the N patches, C channels,
T = Q + E + N.
"""

from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.layer_norm import LayerNorm2d


class Queried(NamedTuple):
    """A grid whose tokens follow queries, and what is added to all logits: (B, 1, T, T), 0 or -inf; ``None``: 0."""

    grid: tuple[int, ...]
    mask: Tensor | None


class QueryPosition(nn.Module):
    """Relative position of a block with queries: that of the family, if it has one, and the mask of ``Queried``."""

    def __init__(self, relative_position: nn.Module | None) -> None:
        super().__init__()
        self.relative_position = relative_position

    def forward(self, q: Tensor, k: Tensor, queried: Queried) -> tuple[Tensor, Tensor, Tensor | None]:
        """Queries and keys (B, h, T, d) to the same and the mask."""
        if self.relative_position is not None:
            q, k, _ = self.relative_position(q, k, queried.grid)
        return q, k, queried.mask


def mask_attention(masks: Tensor, grid: tuple[int, ...], num_extra_tokens: int, probability: Tensor) -> Tensor:
    """The mask with which queries see only the patches of their own masks; all other tokens see everything.

    Args:
        masks: Logits (B, Q, h, w), of any size.
        grid: (H, W).
        num_extra_tokens: E.
        probability: Each query obeys its mask with this probability, a number; else it sees every patch.

    Returns:
        (B, 1, T, T) to be added to logits.
    """
    (batch, queries), front = masks.shape[:2], masks.shape[1] + num_extra_tokens
    inside = F.interpolate(masks.detach(), grid, mode='bilinear', align_corners=False).flatten(2) > 0
    free = torch.rand(batch, queries, 1, device=masks.device) > probability
    total = front + inside.shape[2]
    logits = masks.new_zeros(batch, 1, total, total)
    logits[:, 0, :queries, front:].masked_fill_(~(inside | free), float('-inf'))
    return logits


class MaskMlp(nn.Module):
    """Three linear layers with GELU between them: what a query is compared with patches by."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.fc1, self.fc2, self.fc3 = (nn.Linear(dims, dims) for _ in range(3))

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        return self.fc3(F.gelu(self.fc2(F.gelu(self.fc1(x)))))


class Upscale(nn.Module):
    """Doubles the sides of a map; names as in transformers."""

    def __init__(self, dims: int) -> None:
        super().__init__()
        self.conv1 = nn.ConvTranspose2d(dims, dims, 2, stride=2)
        self.conv2 = nn.Conv2d(dims, dims, 3, padding=1, groups=dims, bias=False)
        self.layernorm2d = LayerNorm2d(dims)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, 2 H, 2 W)."""
        return self.layernorm2d(self.conv2(F.gelu(self.conv1(x))))


class UpscaleBlock(nn.Module):
    """``times`` of :class:`Upscale` one after the other."""

    def __init__(self, dims: int, times: int) -> None:
        super().__init__()
        self.block = nn.ModuleList(Upscale(dims) for _ in range(times))

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to a map with 2 ** times longer sides."""
        for upscale in self.block:
            x = upscale(x)
        return x
