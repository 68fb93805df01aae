"""Learned relative position bias of BEiT (arXiv 2106.08254), for grids of any size."""

import math

import torch
from torch import Tensor, nn

from eva_mm.layers.geometric_spline import distance_matrix
from eva_mm.layers.logit_terms import Distances


class RelativePositionBias(nn.Module):
    """A learned logit for each head and each distance between two patches, and three that involve the class token.

    The table's rows are the (2 H - 1) x (2 W - 1) distances (query minus key, row-major), then class token to patch,
    patch to class token and class token to itself. Attention in chunks takes them as :meth:`terms`; elsewhere they are
    expanded to a matrix over all pairs of tokens, which is not kept.

    On a grid smaller than ``grid`` = (H, W) distances keep their meaning; for a larger one the table is stretched as
    the released loaders stretch it, see :func:`distance_matrix`.
    """

    num_class_rows = 3

    def __init__(self, num_heads: int, grid: tuple[int, int]) -> None:
        super().__init__()
        self.grid = tuple(grid)
        rows = math.prod(2 * side - 1 for side in self.grid) + self.num_class_rows
        self.relative_position_bias_table = nn.Parameter(torch.zeros(rows, num_heads))

    def distance_maps(self, grid: tuple[int, int]) -> Tensor:
        """Logits of each distance, (h, 2 H - 1, 2 W - 1) for ``grid`` = (H, W)."""
        table = self.relative_position_bias_table[: -self.num_class_rows].T
        table = table.unflatten(1, [2 * side - 1 for side in self.grid])
        if tuple(grid) == self.grid:
            return table
        for dim, (own, side) in enumerate(zip(self.grid, grid), start=1):
            if side > own:
                table = torch.tensordot(table, distance_matrix(own, side).to(table), ([dim], [1])).movedim(-1, dim)
            else:
                table = table.narrow(dim, own - side, 2 * side - 1)
        return table

    def terms(self, q: Tensor, grid: tuple[int, int]) -> Distances:
        """The bias without its expansion: (B, h, 2 H - 1, 2 W - 1) and (B, h, 3), alike for all samples."""
        of_class = self.relative_position_bias_table[-self.num_class_rows :].T
        maps = self.distance_maps(grid)
        return Distances(*(tensor.to(q.dtype).expand(q.shape[0], *tensor.shape) for tensor in (maps, of_class)))

    def forward(self, q: Tensor, k: Tensor, grid: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
        """Leave queries and keys (B, h, 1 + H*W, d) as they are and return the bias (1, h, 1 + H*W, 1 + H*W) too."""
        height, width = grid
        num_heads, tokens = q.shape[1], 1 + height * width
        to_patch, to_class, itself = self.relative_position_bias_table[-self.num_class_rows :].to(q.dtype)
        # unfolding gives, for each query, the logits of all keys in reverse order
        maps = self.distance_maps(grid).to(q.dtype).unfold(1, height, 1).unfold(2, width, 1).flip(3, 4)
        bias = maps.new_empty(num_heads, tokens, tokens)
        bias[:, 1:, 1:] = maps.reshape(num_heads, tokens - 1, tokens - 1)
        bias[:, 0, 1:] = to_patch[:, None]
        bias[:, 1:, 0] = to_class[:, None]
        bias[:, 0, 0] = itself
        return q, k, bias[None]
