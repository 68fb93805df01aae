"""Absolute position embeddings: resizing learned ones, making fixed ones."""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

# how a learned table is resized: mode, antialiasing, and what is added to a side before the scale is taken
RESIZE_RULES: dict[str, tuple[str, bool, float]] = {
    'bicubic': ('bicubic', False, 0.0),  # EVA, OpenAI's CLIP, SigLIP
    'bicubic_antialias': ('bicubic', True, 0.0),  # DINOv2 with registers, open_clip
    'bicubic_offset': ('bicubic', False, 0.1),  # DINOv2
    'bilinear': ('bilinear', False, 0.0),  # Perception Encoder
    'bilinear_antialias': ('bilinear', True, 0.0),  # SigLIP 2 for images of any shape
}


def resize_position_embedding(
    pos_embed: Tensor,
    grid: tuple[int, ...],
    new_grid: tuple[int, ...],
    num_extra_tokens: int = 1,
    rule: str = 'bicubic',
) -> Tensor:
    """Resize a table of positions to another grid; the same grid is the identity.

    Images are resized by ``rule``, clips trilinearly, both with ``align_corners=False`` and in fp32, as the released
    loaders do. Rows that belong to no patch are kept.

    Args:
        pos_embed: (1, E + prod(grid), C), E = ``num_extra_tokens`` rows in front that belong to no patch.
        grid, new_grid: (H, W) or (T, H, W) of the table, and wanted.
        rule: A name of ``RESIZE_RULES``.

    Returns:
        (1, E + prod(new_grid), C) in the dtype of ``pos_embed``.
    """
    rows = num_extra_tokens + math.prod(grid)
    if pos_embed.shape[1] != rows or len(grid) != len(new_grid):
        problem = f'A position table of {pos_embed.shape[1]} rows cannot go from grid {(*grid,)} to {(*new_grid,)}'
        raise ValueError(f'{problem}: {rows} rows are expected, {num_extra_tokens} of them for class tokens.')
    if tuple(grid) == tuple(new_grid):
        return pos_embed
    maps = pos_embed[:, num_extra_tokens:].float().transpose(1, 2).unflatten(2, tuple(grid))
    mode, antialias, offset = RESIZE_RULES[rule] if len(grid) == 2 else ('trilinear', False, 0.0)
    scale = tuple((new + offset) / old for new, old in zip(new_grid, grid)) if offset else None
    size = None if scale else tuple(new_grid)
    maps = F.interpolate(maps, size, scale, mode=mode, align_corners=False, antialias=antialias)
    patches = maps.flatten(2).transpose(1, 2).to(pos_embed.dtype)
    return torch.cat((pos_embed[:, :num_extra_tokens], patches), dim=1)


def sincos_position_embedding(dims: int, grid: tuple[int, int]) -> Tensor:
    """Fixed sine-cosine table (1, 1 + H*W, C) of MAE (arXiv 2111.06377), fp32, with a zero row for the class token.

    The first half of the channels encodes the column, the second half the row; C = ``dims`` must be divisible by 4.
    """
    if dims % 4:
        raise ValueError(f'A sine-cosine table needs channels that are divisible by 4, got {dims}.')
    frequencies = 10000 ** -(torch.arange(dims // 4, dtype=torch.float64) / (dims / 4))
    rows, columns = torch.meshgrid(torch.arange(grid[0]), torch.arange(grid[1]), indexing='ij')
    angles = [side.double().flatten()[:, None] * frequencies for side in (columns, rows)]
    table = torch.cat([part for each in angles for part in (each.sin(), each.cos())], dim=1)
    return torch.cat((torch.zeros(1, dims, dtype=torch.float64), table)).float()[None]
