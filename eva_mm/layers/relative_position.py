"""Decomposed relative position: one table for row offsets, one for column offsets (arXiv 2112.01526).

Shape letters: B batch, h heads, N = H*W tokens, d channels of a head.
"""

import warnings
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.geometric_spline import cubic_spline_matrix, geometric_knots
from eva_mm.layers.logit_terms import RowsAndColumns

RESIZE_MODES = ('linear', 'geometric')
# fixed in the released code, not solved for the sizes
_GEOMETRIC_RATIO = 1.0903078
_TRAINED_WHILE_GEOMETRIC = (
    "rel_pos_resize='geometric' is for evaluation: as in the release, a resized table gets no gradient. "
    "Train with 'linear'."
)


@lru_cache(maxsize=32)
def _geometric_matrix(length: int, new_length: int) -> Tensor:
    half = new_length // 2
    knots = geometric_knots(length // 2, _GEOMETRIC_RATIO)
    return cubic_spline_matrix(knots, torch.arange(-half, half + 1, dtype=torch.float64))


def resize_relative_position(table: Tensor, new_length: int, mode: str = 'linear') -> Tensor:
    """Resize a table of relative offsets (L, d), from -(L // 2) to L // 2; the same length is the identity.

    Args:
        table: The table.
        new_length: The length wanted, odd.
        mode: ``'linear'`` stretches the table, as ViTDet does. ``'geometric'`` is the release's evaluation at 1536
            pixels (``interp_type='beit'``): a cubic spline through rows at geometric distances, extrapolated where they
            end, is read at the integers. As there, no gradient passes; in training a warning says so.

    Returns:
        (new_length, d) in the dtype of ``table``.
    """
    if mode not in RESIZE_MODES:
        raise ValueError(f'A relative position table is resized by one of {RESIZE_MODES}, got {mode!r}.')
    if table.shape[0] == new_length:
        return table
    if mode == 'linear':
        stretched = F.interpolate(table.float().T[None], size=new_length, mode='linear', align_corners=False)
        return stretched[0].T.to(table.dtype)
    matrix = _geometric_matrix(table.shape[0], new_length).to(table.device)
    if table.requires_grad and torch.is_grad_enabled():
        warnings.warn(_TRAINED_WHILE_GEOMETRIC, stacklevel=2)
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
    grows with N * (H + W), not with N squared, in any fused attention kernel. Tables are made for ``grid``, (H, W), and
    resized for others at run time, see :func:`resize_relative_position`.
    """

    def __init__(self, head_dims: int, grid: tuple[int, int], resize_mode: str = 'linear') -> None:
        super().__init__()
        self.resize_mode = resize_mode
        self.h, self.w = (nn.Parameter(torch.zeros(2 * side - 1, head_dims)) for side in grid)
        # an unknown mode is refused here and not at the first forward pass
        resize_relative_position(self.h, 1, resize_mode)

    def terms(self, q: Tensor, grid: tuple[int, ...]) -> RowsAndColumns:
        """What each row and each column of keys adds to a query's logits: (B, h, N, H) and (B, h, N, W)."""
        offsets = (relative_offsets(*pair, self.resize_mode).to(q.dtype) for pair in zip((self.h, self.w), grid))
        equations = ('bnhwd,hkd->bnhwk', 'bnhwd,wkd->bnhwk')
        q_map = q.unflatten(2, tuple(grid))
        return RowsAndColumns(*(torch.einsum(eq, q_map, each).flatten(2, 3) for eq, each in zip(equations, offsets)))

    def forward(self, q: Tensor, k: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, Tensor, None]:
        """Queries and keys (B, h, N, d) to (B, h, N, d + H + W); no bias is left."""
        # the logits are scaled after the product, so the terms are divided by the scale here
        terms = torch.cat(self.terms(q, grid), dim=-1) * q.shape[-1] ** 0.5
        row, column = (torch.eye(side, dtype=k.dtype, device=k.device) for side in grid)
        one_hot = torch.cat((row[:, None].expand(-1, len(column), -1), column.expand(len(row), -1, -1)), dim=-1)
        one_hot = one_hot.flatten(0, 1).expand(*k.shape[:2], -1, -1)
        return torch.cat((q, terms), dim=-1), torch.cat((k, one_hot), dim=-1), None
