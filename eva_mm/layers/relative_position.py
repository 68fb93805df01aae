"""Decomposed relative position: one table for row offsets, one for column offsets (arXiv 2112.01526).

Shape letters: B batch, h heads, N = H*W tokens, d channels of a head.
"""

from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.geometric_spline import cubic_spline_matrix, geometric_knots
from eva_mm.layers.logit_terms import RowsAndColumns

RESIZE_MODES = ('linear', 'geometric')
# fixed in the released code, not solved for the sizes
_GEOMETRIC_RATIO = 1.0903078


@lru_cache(maxsize=32)
def _geometric_matrix(length: int, new_length: int) -> Tensor:
    half = new_length // 2
    knots = geometric_knots(length // 2, _GEOMETRIC_RATIO)
    return cubic_spline_matrix(knots, torch.arange(-half, half + 1, dtype=torch.float64))


def resize_relative_position(table: Tensor, new_length: int, mode: str = 'linear') -> Tensor:
    """Resize a table of relative offsets; the same length is the identity.

    Args:
        table: (L, d), offsets -(L // 2) to L // 2.
        new_length: The length wanted, odd.
        mode: ``'linear'`` stretches the table, as ViTDet does. ``'geometric'`` is the release's evaluation at 1536
            pixels (``interp_type='beit'``): row i of the old table stands at distance 1 + q + ... + q**(i-1) with
            q = 1.0903078, and a cubic spline through these knots, extrapolated where they end, is read at the
            integers. Near offsets keep their rows and far ones are pressed together. As there, no gradient passes.

    Returns:
        (new_length, d) in the dtype of ``table``.

    Raises:
        ValueError: Unknown ``mode``.
    """
    if mode not in RESIZE_MODES:
        raise ValueError(f'A relative position table is resized by one of {RESIZE_MODES}, got {mode!r}.')
    if table.shape[0] == new_length:
        return table
    if mode == 'linear':
        stretched = F.interpolate(table.float().T[None], size=new_length, mode='linear', align_corners=False)
        return stretched[0].T.to(table.dtype)
    matrix = _geometric_matrix(table.shape[0], new_length).to(table.device)
    return (matrix @ table.detach().double()).to(table.dtype)


def relative_offsets(table: Tensor, size: int, mode: str = 'linear') -> Tensor:
    """Rows of a table for each pair of positions along one axis: (L, d) to (size, size, d), query first."""
    table = resize_relative_position(table, 2 * size - 1, mode)
    positions = torch.arange(size, device=table.device)
    return table[positions[:, None] - positions[None] + size - 1]


class DecomposedRelativePosition(nn.Module):
    """Adds ``q . h[row offset] + q . w[column offset]`` to the logits, with the unscaled query.

    The sum is written as extra channels instead of a bias: queries get their H row terms and W column terms, keys get
    a one-hot row and a one-hot column. The product of queries and keys is then exactly logits plus bias, and memory
    grows with N * (H + W), not with N squared, in any fused attention kernel.

    Args:
        head_dims: Channels d.
        grid: (H, W) of the tables, in tokens. Other grids are taken: the tables are resized at run time.
        resize_mode: See :func:`resize_relative_position`.

    Raises:
        ValueError: Unknown ``resize_mode``.
    """

    def __init__(self, head_dims: int, grid: tuple[int, int], resize_mode: str = 'linear') -> None:
        super().__init__()
        if resize_mode not in RESIZE_MODES:
            raise ValueError(f'A relative position table is resized by one of {RESIZE_MODES}, got {resize_mode!r}.')
        self.resize_mode = resize_mode
        self.h = nn.Parameter(torch.zeros(2 * grid[0] - 1, head_dims))
        self.w = nn.Parameter(torch.zeros(2 * grid[1] - 1, head_dims))

    def terms(self, q: Tensor, grid: tuple[int, ...]) -> RowsAndColumns:
        """What each row and each column of keys adds to a query's logits: (B, h, N, H) and (B, h, N, W)."""
        height, width = grid
        rows = relative_offsets(self.h, height, self.resize_mode)
        columns = relative_offsets(self.w, width, self.resize_mode)
        q_map = q.unflatten(2, (height, width))
        row_terms = torch.einsum('bnhwd,hkd->bnhwk', q_map, rows.to(q.dtype))
        column_terms = torch.einsum('bnhwd,wkd->bnhwk', q_map, columns.to(q.dtype))
        return RowsAndColumns(row_terms.flatten(2, 3), column_terms.flatten(2, 3))

    def forward(self, q: Tensor, k: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, Tensor, None]:
        """Queries and keys (B, h, N, d) to (B, h, N, d + H + W); no bias is left."""
        # the logits are scaled after the product, so the terms are divided by the scale here
        terms = torch.cat(self.terms(q, grid), dim=-1) * q.shape[-1] ** 0.5
        return torch.cat((q, terms), dim=-1), self._with_one_hot(k, *grid), None

    @staticmethod
    def _with_one_hot(k: Tensor, height: int, width: int) -> Tensor:
        row = torch.eye(height, dtype=k.dtype, device=k.device)[:, None].expand(-1, width, -1)
        column = torch.eye(width, dtype=k.dtype, device=k.device)[None].expand(height, -1, -1)
        one_hot = torch.cat((row, column), dim=-1).flatten(0, 1)
        return torch.cat((k, one_hot.expand(*k.shape[:2], -1, -1)), dim=-1)
