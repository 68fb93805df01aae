"""Resizing of weights whose shape depends on the image, the patch, the clip or the window. Pure functions.

Everything is computed in fp32. Positions return to the dtype of the file, kernels and tables stay fp32: so do the
released loaders.
"""

import math

import torch
from torch import Tensor
from torch.nn import functional as F

from eva_mm.layers.geometric_spline import distance_matrix
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


def adapt_channels(weight: Tensor, channels: int) -> Tensor:
    """Let a kernel (C, 3, ...) of RGB images see images of other channels, as timm does.

    One channel is seen by the sum over the three; more are seen by the three in turn, scaled to keep the response.

    Raises:
        ValueError: The kernel is not of three channels, and the model has others.
    """
    if weight.shape[1] == channels:
        return weight
    if weight.shape[1] != 3:
        raise ValueError(
            f'The checkpoint is of images of {weight.shape[1]} channels, the model of {channels}: only weights of '
            'three channels can be adapted; set in_channels.'
        )
    if channels == 1:
        return weight.float().sum(1, keepdim=True)
    turns = [index % 3 for index in range(channels)]
    return weight.float()[:, turns] * (3 / channels)


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


def inflate_positions(pos_embed: Tensor, frames: int, rows: int = 1) -> Tensor:
    """Repeat patch positions for every frame, frame by frame; rows of tokens in front stay single.

    Args:
        pos_embed: (1, E + H*W, C).
        frames: T, in tubelets.
        rows: E.

    Returns:
        (1, E + T*H*W, C).
    """
    return torch.cat((pos_embed[:, :rows], pos_embed[:, rows:].repeat(1, frames, 1)), dim=1)


def resize_positions(
    pos_embed: Tensor, grid: tuple[int, ...], new_grid: tuple[int, ...], rows: int = 1, rule: str = 'bicubic'
) -> Tensor:
    """Take a position table from one grid to another.

    (H, W) to (H, W) follows ``rule``, (T, H, W) to (T, H, W) is trilinear, (H, W) to (T, H, W) resizes the image grid
    and repeats it.

    Args:
        pos_embed: (1, E + prod(grid), C).
        grid: Grid of the table.
        new_grid: Grid wanted.
        rows: Rows E of tokens in front.
        rule: A name of :data:`eva_mm.layers.position_embedding.RESIZE_RULES`.

    Returns:
        (1, E + prod(new_grid), C) in the dtype of ``pos_embed``.

    Raises:
        ValueError: The table does not have that grid, or a clip's table is asked to serve images.
    """
    if len(grid) == 2 and len(new_grid) == 3:
        image = resize_position_embedding(pos_embed, grid, new_grid[1:], rows, rule)
        return inflate_positions(image, new_grid[0], rows)
    return resize_position_embedding(pos_embed, grid, new_grid, rows, rule)


def resize_relative_position_table(table: Tensor, window: tuple[int, int], new_window: tuple[int, int]) -> Tensor:
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
    rows = [2 * side - 1 for side in window]
    if table.shape[0] != math.prod(rows) + 3:
        raise ValueError(
            f'A relative-position table of {table.shape[0]} rows does not belong to a window of {tuple(window)}, '
            f'which has {math.prod(rows) + 3}.'
        )
    if tuple(window) == tuple(new_window):
        return table.float()
    vertical, horizontal = (distance_matrix(side, new_side) for side, new_side in zip(window, new_window))
    maps = table[:-3].detach().cpu().double().unflatten(0, rows)
    patches = torch.einsum('yh,hwc,xw->yxc', vertical, maps, horizontal).flatten(0, 1).float()
    return torch.cat((patches, table[-3:].detach().float().cpu()))
