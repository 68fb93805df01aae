"""Rotary positions (arXiv 2104.09864) in two dimensions: queries and keys turn with their row and column.

Shape letters: B batch, h heads, E tokens in front, N patches, d channels of a head.
"""

import math
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn


class Kept(NamedTuple):
    """A grid some of whose patches are missing, and the indices (B, K) of those left, in the order of the tokens."""

    grid: tuple[int, ...]
    indices: Tensor

    def tokens(self, num_extra_tokens: int) -> Tensor:
        """Indices (B, E + K) of the kept tokens among E tokens in front and all patches."""
        front = torch.arange(num_extra_tokens, device=self.indices.device)
        return torch.cat((front.expand(len(self.indices), -1), self.indices + num_extra_tokens), dim=1)

    def take(self, x: Tensor, num_extra_tokens: int) -> Tensor:
        """Tokens (B, E + N, C) to the kept ones (B, E + K, C)."""
        return x.gather(1, self.tokens(num_extra_tokens).unsqueeze(-1).expand(-1, -1, x.shape[-1]))


@dataclass(frozen=True)
class Rotary:
    """By how much channels turn.

    Patch i of n along an axis has the coordinate ``(i + offset) / n * span + start``, or without ``span`` just
    ``i + offset``. Pair k of the K = d / 4 pairs of each axis turns by ``turn * coordinate / base ** (k / K)`` radians.
    Pairs are neighbouring channels, or ``halves``: channels c and c + d / 2. Those of the row come first, or
    ``columns_first``.
    """

    base: float = 10000.0
    span: float | None = 16.0
    start: float = 0.0
    offset: float = 0.0
    turn: float = 1.0
    halves: bool = False
    columns_first: bool = False


class _Tables(NamedTuple):
    """Cosines and sines (E + N, d), sines negated for the first of a pair, and cos + i sin (E + N, d / 2) or None."""

    cos: Tensor
    sin: Tensor
    phase: Tensor | None = None


def _tables(
    rotary: Rotary, pairs: int, extra: int, grid: tuple[int, ...], device: torch.device, eager: bool = False
) -> _Tables:
    """Tables for E = ``extra`` tokens that do not turn and the patches of a grid; frames of a clip turn alike."""
    *frames, height, width = grid
    periods = rotary.base ** (torch.arange(pairs, dtype=torch.float32, device=device) / pairs)
    axes = []
    for side, shape in ((height, (height, 1, 1)), (width, (1, width, 1))):
        coordinates = torch.arange(side, dtype=torch.float32, device=device).view(shape) + rotary.offset
        if rotary.span is not None:
            coordinates = coordinates / side * rotary.span + rotary.start
        axes.append((rotary.turn * coordinates / periods).expand(height, width, pairs))
    angles = torch.cat(axes[::-1] if rotary.columns_first else axes, dim=-1)
    angles = angles.expand(math.prod(frames), -1, -1, -1).flatten(0, 2)
    angles = torch.cat((angles.new_zeros(extra, 2 * pairs), angles))
    cos, sin = angles.cos(), angles.sin()
    # joined without tile or repeat, which become an If in ONNX
    if rotary.halves:
        return _Tables(torch.cat((cos, cos), dim=-1), torch.cat((-sin, sin), dim=-1))
    cosines, sines = (torch.stack(pair, dim=-1).flatten(-2) for pair in ((cos, cos), (-sin, sin)))
    return _Tables(cosines, sines, torch.complex(cos, sin) if eager else None)


@lru_cache(maxsize=32)
def _kept_tables(*args: Any) -> _Tables:
    # in a thread of its own no trace and no inference mode is active, whose tensors could not be used elsewhere
    with ThreadPoolExecutor(1) as alone:
        return alone.submit(_tables, *args, eager=True).result()


class RotaryPosition(nn.Module):
    """Turns queries and keys of patches; tokens in front stay as they are. Any grid is taken at run time.

    Tables are cached for each grid and device, outside of modules: they are in no state dict, no copy and no broadcast
    of a module. Under ``torch.compile`` they are part of the graph, in exported graphs they are constants. The
    augmentation of coordinates that DINOv3 was trained with (shift, jitter, rescale) is not provided.
    """

    def __init__(self, rotary: Rotary, head_dims: int, num_extra_tokens: int = 0) -> None:
        super().__init__()
        if head_dims % 4:
            raise ValueError(f'Rotary positions need heads whose width is divisible by 4, got {head_dims}.')
        self.rotary, self.pairs, self.num_extra_tokens = rotary, head_dims // 4, num_extra_tokens

    def tables(self, grid: tuple[int, ...] | Kept, like: Tensor) -> _Tables:
        """Tables on the device of ``like``, for the kept patches of each sample (B, 1, E + K, ...)."""
        if isinstance(grid, Kept):
            rows, whole = grid.tokens(self.num_extra_tokens), self.tables(grid.grid, like)
            return _Tables(*(table if table is None else table[rows][:, None] for table in whole))
        # what is computed of a fake or traced tensor, a subclass, must not outlive the trace
        recorded = torch.compiler.is_compiling() or type(like) is not Tensor
        make = _tables if recorded else _kept_tables
        return make(self.rotary, self.pairs, self.num_extra_tokens, tuple(int(side) for side in grid), like.device)

    def _turn(self, x: Tensor, tables: _Tables) -> Tensor:
        if tables.phase is not None and x.dtype in (torch.float32, torch.float64) and not torch.jit.is_tracing():
            # a product of complex numbers turns pairs of neighbours in one pass
            return torch.view_as_real(torch.view_as_complex(x.unflatten(-1, (-1, 2))) * tables.phase).flatten(-2)
        halves = self.rotary.halves
        partner = x.roll(x.shape[-1] // 2, -1) if halves else x.unflatten(-1, (-1, 2)).flip(-1).flatten(-2)
        return (x * tables.cos).add_(partner * tables.sin).to(x.dtype)

    def forward(self, q: Tensor, k: Tensor, grid: tuple[int, ...] | Kept) -> tuple[Tensor, Tensor, None]:
        """Queries and keys (B, h, E + N, d) to the same, turned; no bias."""
        tables = self.tables(grid, q)
        return self._turn(q, tables), self._turn(k, tables), None
