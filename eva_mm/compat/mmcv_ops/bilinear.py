"""Bilinear interpolation as RoIAlign has it: up to one pixel outside the map still counts as its border."""

import torch
from torch import Tensor

__all__ = ['corners']


def corners(y: Tensor, x: Tensor, height: int, width: int) -> tuple[Tensor, Tensor]:
    """The four pixels around a place and their shares, (4, *shape) each.

    Args:
        y: vertical coordinate, any shape; pixel centres are integers.
        x: horizontal coordinate, same shape.
        height: of the map.
        width: of the map.

    Returns:
        Index of the pixel in the flattened map, and its weight; the weights are 0 beyond one pixel outside the map.
    """
    inside = (y >= -1) & (y <= height) & (x >= -1) & (x <= width)
    top, bottom, down = _between(y, height)
    left, right, along = _between(x, width)
    index = torch.stack([top * width + left, top * width + right, bottom * width + left, bottom * width + right])
    up, back = 1 - down, 1 - along
    return index, torch.stack([up * back, up * along, down * back, down * along]) * inside


def _between(place: Tensor, size: int) -> tuple[Tensor, Tensor, Tensor]:
    """The pixels before and after a coordinate, and how far it is past the first."""
    place = place.clamp(0, size - 1)
    before = place.long()
    return before, (before + 1).clamp(max=size - 1), place - before
