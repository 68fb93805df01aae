"""Rotary positions (arXiv 2104.09864) in two dimensions: queries and keys turn with their row and column.

Shape letters: B batch, h heads, E tokens in front, N patches, d channels of a head.
"""

import math
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

import torch
from torch import Tensor, nn

from eva_mm.layers.kept_patches import Kept


@dataclass(frozen=True)
class Rotary:
    """By how much channels turn.

    Patch i of n along an axis has the coordinate ``(i + offset) / n * span + start``. With K = d / 4, channel pair k
    of the row (and as many of the column) turns by ``turn * coordinate / base ** (k / K)``, k = 0 to K - 1.

    Attributes:
        base: Ratio of the slowest to the fastest turn, nearly.
        span: Length of an axis, whatever its number of patches; ``None``: coordinates are ``i + offset``.
        start: Coordinate of the border.
        offset: Where in a patch its coordinate is taken.
        turn: Radians for a unit of the coordinate at k = 0.
        halves: Whether channel c is paired with c + d / 2, and not with its neighbour.
        columns_first: Whether the first half of the pairs turns with the column.
    """

    base: float = 10000.0
    span: float | None = 16.0
    start: float = 0.0
    offset: float = 0.0
    turn: float = 1.0
    halves: bool = False
    columns_first: bool = False


class _Tables(NamedTuple):
    """Cosine and sine (E + N, d), the sine negated where the partner is subtracted; for neighbours in eager mode also
    cosine + i * sine (E + N, d / 2)."""

    cos: Tensor
    sin: Tensor
    phase: Tensor | None = None


def _coordinates(rotary: Rotary, patches: int, device: torch.device) -> Tensor:
    positions = torch.arange(patches, dtype=torch.float32, device=device) + rotary.offset
    return positions if rotary.span is None else positions / patches * rotary.span + rotary.start


def _tables(rotary: Rotary, dims: int, extra: int, grid: tuple[int, ...], device: torch.device) -> _Tables:
    """Tables for E = ``extra`` tokens that do not turn and the patches of a grid; frames of a clip turn alike."""
    *frames, height, width = grid
    pairs = dims // 4
    periods = rotary.base ** (torch.arange(pairs, dtype=torch.float32, device=device) / pairs)
    rows, columns = (rotary.turn * _coordinates(rotary, side, device)[:, None] / periods for side in (height, width))
    axes = rows[:, None].expand(-1, width, -1), columns[None].expand(height, -1, -1)
    angles = torch.cat(axes[::-1] if rotary.columns_first else axes, dim=-1)
    angles = angles.expand(math.prod(frames), height, width, -1).flatten(0, 2)
    angles = torch.cat((angles.new_zeros(extra, 2 * pairs), angles))
    cos, sin = angles.cos(), angles.sin()
    # joined without tile or repeat, which become an If in ONNX
    if rotary.halves:
        return _Tables(torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1))
    return _Tables(torch.stack((cos, cos), dim=-1).flatten(-2), torch.stack((-sin, sin), dim=-1).flatten(-2))


@lru_cache(maxsize=32)
def _kept_tables(rotary: Rotary, dims: int, extra: int, grid: tuple[int, ...], device: torch.device) -> _Tables:
    # an inference tensor could not be used in training later
    with torch.inference_mode(False), torch.no_grad():
        cos, sin, _ = _tables(rotary, dims, extra, grid, device)
        return _Tables(cos, sin, None if rotary.halves else torch.complex(cos[:, ::2], sin[:, 1::2]))


def _rotate(x: Tensor, tables: _Tables, halves: bool) -> Tensor:
    """Turn (B, h, E + N, d); products and sum in fp32 at least."""
    if tables.phase is not None and x.dtype in (torch.float32, torch.float64):
        # a product of complex numbers is the rotation of pairs of neighbours in one pass
        return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * tables.phase).flatten(-2)
    partner = x.roll(x.shape[-1] // 2, -1) if halves else x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
    return (x * tables.cos).add_(partner * tables.sin).to(x.dtype)


class RotaryPosition(nn.Module):
    """Turns queries and keys of patches; tokens in front stay as they are. Any grid is taken at run time.

    Tables are cached for each grid and device, outside of modules: they are in no state dict, no copy and no broadcast
    of a module. Under ``torch.compile`` they are part of the graph, in exported graphs they are constants. The
    augmentation of coordinates that DINOv3 was trained with (shift, jitter, rescale) is not provided.

    Args:
        rotary: By how much.
        head_dims: Channels d of a head.
        num_extra_tokens: Tokens E in front.

    Raises:
        ValueError: ``head_dims`` is not divisible by 4.
    """

    def __init__(self, rotary: Rotary, head_dims: int, num_extra_tokens: int = 0) -> None:
        super().__init__()
        if head_dims % 4:
            raise ValueError(f'Rotary positions need heads whose width is divisible by 4, got {head_dims}.')
        self.rotary, self.head_dims, self.num_extra_tokens = rotary, head_dims, num_extra_tokens

    def tables(self, grid: tuple[int, ...], like: Tensor) -> _Tables:
        """Tables on the device of ``like``."""
        # a subclass is fake or traced: what is computed of it must not outlive the trace
        recorded = torch.compiler.is_compiling() or type(like) is not Tensor
        make = _tables if recorded else _kept_tables
        return make(self.rotary, self.head_dims, self.num_extra_tokens, tuple(int(side) for side in grid), like.device)

    def forward(self, q: Tensor, k: Tensor, grid: tuple[int, ...] | Kept) -> tuple[Tensor, Tensor, None]:
        """Queries and keys (B, h, E + N, d) to the same, turned; no bias."""
        if isinstance(grid, Kept):
            rows = grid.tokens(self.num_extra_tokens)
            tables = _Tables(*(t if t is None else t[rows].unsqueeze(1) for t in self.tables(grid.grid, q)))
        else:
            tables = self.tables(grid, q)
        return _rotate(q, tables, self.rotary.halves), _rotate(k, tables, self.rotary.halves), None
