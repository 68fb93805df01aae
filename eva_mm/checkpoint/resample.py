"""Resizing of weights whose shape depends on the image, the patch, the clip or the window. Pure functions.

Everything is computed in fp32. Positions return to the dtype of the file, kernels and tables stay fp32: so do the
released loaders.
"""

import math

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from eva_mm.layers.position_embedding import resize_position_embedding
from eva_mm.layers.relative_position import resize_relative_position

__all__ = [
    'inflate_patch_kernel',
    'inflate_positions',
    'resize_patch_kernel',
    'resize_position_embedding',
    'resize_positions',
    # one axis of a decomposed table; the detector uses it at run time as well
    'resize_relative_position',
    'resize_relative_position_table',
    'square_grid',
]

def square_grid(tokens: int) -> tuple[int, int]:
    """Grid (s, s) of ``tokens`` = s * s patches.

    Raises:
        ValueError: ``tokens`` is no square number.
    """
    side = math.isqrt(max(tokens, 0))
    if tokens < 1 or side * side != tokens:
        raise ValueError(f'{tokens} patch positions are no square grid: give the grid as (H, W) or (T, H, W).')
    return side, side


def resize_patch_kernel(weight: Tensor, patch_size: tuple[int, int]) -> Tensor:
    """Resize the convolution that cuts patches, bicubically as EVA's ``interpolate_patch_14to16.py``.

    The kernel is not rescaled, so the sum over a constant patch grows with its area, as in the released weights.

    Args:
        weight: (C, 3, p, p), or (C, 3, t, p, p) whose frames are resized one by one.
        patch_size: (height, width) wanted.

    Returns:
        (C, 3, *patch_size) or (C, 3, t, *patch_size), fp32.
    """
    frames = weight.float().flatten(1, -3) if weight.ndim == 5 else weight.float()
    if tuple(frames.shape[-2:]) != tuple(patch_size):
        frames = F.interpolate(frames, size=tuple(patch_size), mode='bicubic', align_corners=False)
    return frames.reshape(*weight.shape[:-2], *patch_size)


def inflate_patch_kernel(weight: Tensor, tubelet: int) -> Tensor:
    """Turn an image kernel into a clip kernel that answers a still clip as the image kernel answers the image.

    Args:
        weight: (C, 3, p, p).
        tubelet: Frames t of the clip kernel.

    Returns:
        (C, 3, t, p, p), fp32: the kernel repeated and divided by t.
    """
    return weight.float().unsqueeze(2).repeat(1, 1, tubelet, 1, 1) / tubelet


def inflate_positions(pos_embed: Tensor, frames: int) -> Tensor:
    """Repeat patch positions for every frame, frame by frame; the row of the class token stays single.

    Args:
        pos_embed: (1, 1 + H*W, C).
        frames: T, in tubelets.

    Returns:
        (1, 1 + T*H*W, C).
    """
    return torch.cat((pos_embed[:, :1], pos_embed[:, 1:].repeat(1, frames, 1)), dim=1)


def resize_positions(pos_embed: Tensor, grid: tuple[int, ...], new_grid: tuple[int, ...]) -> Tensor:
    """Take a position table, with one row for the class token, from one grid to another.

    (H, W) to (H, W) is bicubic, (T, H, W) to (T, H, W) trilinear, (H, W) to (T, H, W) resizes the image grid and
    repeats it.

    Args:
        pos_embed: (1, 1 + prod(grid), C).
        grid: Grid of the table.
        new_grid: Grid wanted.

    Returns:
        (1, 1 + prod(new_grid), C) in the dtype of ``pos_embed``.

    Raises:
        ValueError: The table does not have that grid, or a clip's table is asked to serve images.
    """
    if len(grid) == 2 and len(new_grid) == 3:
        return inflate_positions(resize_position_embedding(pos_embed, grid, new_grid[1:]), new_grid[0])
    return resize_position_embedding(pos_embed, grid, new_grid)


def _geometric_positions(size: int, ratio: float) -> np.ndarray:
    """Positions of ``size`` (odd) relative distances whose steps grow as 1, r, r**2, ... away from 0."""
    steps = ratio ** np.arange(1, size // 2)
    half = np.concatenate(([1.0], steps)).cumsum() if size > 1 else np.empty(0)
    return np.concatenate((-half[::-1], [0.0], half))


def _solve_ratio(size: int, new_size: int) -> float:
    """Ratio in (1.01, 1.5) whose series of ``size // 2`` terms sums to ``new_size // 2``, bisected to 1e-6.

    As in the released loaders the last midpoint counts, not the middle of the last interval.
    """
    low, high, ratio = 1.01, 1.5, 0.0
    while high - low > 1e-6:
        ratio = (low + high) / 2
        total = (1 - ratio ** (size // 2)) / (1 - ratio)
        low, high = (low, ratio) if total > new_size // 2 else (ratio, high)
    return ratio


def _whole_positions(size: int) -> np.ndarray:
    return np.arange(size) - size // 2


def resize_relative_position_table(
    table: Tensor, window: tuple[int, int], new_window: tuple[int, int]
) -> Tensor:
    """Resize a BEiT relative-position bias table (arXiv 2106.08254) to another window.

    Cubic spline over relative distances; those of the old window are placed geometrically, so that near distances
    keep their bias and far ones are stretched, as BEiT's and EVA's loaders do. Distances beyond the old ones take the
    value of the border. The last three rows belong to the class token and are kept.

    Args:
        table: ((2H-1) * (2W-1) + 3, heads).
        window: (H, W) of the table.
        new_window: (H, W) wanted.

    Returns:
        ((2H'-1) * (2W'-1) + 3, heads), fp32.

    Raises:
        ValueError: The table has another number of rows than ``window`` asks for.
    """
    sizes, new_sizes = [2 * side - 1 for side in window], [2 * side - 1 for side in new_window]
    if table.shape[0] != math.prod(sizes) + 3:
        raise ValueError(
            f'A relative-position table of {table.shape[0]} rows does not belong to a window of {tuple(window)}, '
            f'which has {math.prod(sizes) + 3}.'
        )
    if sizes == new_sizes:
        return table.float()
    # only here: importing it takes a third of a second, and only tables of the released segmentation models need it
    from scipy.interpolate import RectBivariateSpline

    old = [_geometric_positions(n, _solve_ratio(n, m)) for n, m in zip(sizes, new_sizes)]
    new = [_whole_positions(m) for m in new_sizes]
    maps = table[:-3].float().reshape(*sizes, -1).numpy(force=True)
    resized = [
        RectBivariateSpline(*old, maps[..., head], kx=3, ky=3, s=0)(*new).ravel()
        for head in range(maps.shape[-1])
    ]
    patches = torch.from_numpy(np.stack(resized, axis=1)).float()
    return torch.cat((patches, table[-3:].float().cpu()))
