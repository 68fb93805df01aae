"""Cutting a token map into windows and putting it together again."""

from torch import Tensor
from torch.nn import functional as F


def _padded(grid: tuple[int, ...], size: int) -> tuple[int, int]:
    # by adding first: a negated floor division rounds towards zero in ONNX
    height, width = ((side + size - 1) // size * size for side in grid)
    return height, width


def window_partition(x: Tensor, grid: tuple[int, ...], size: int) -> Tensor:
    """Cut tokens (B, H*W, C) of a ``grid`` (H, W) into windows (B*nH*nW, s*s, C) of side s = ``size``, padding with
    zeros at the bottom and right; nH and nW are the windows along each side, rounded up."""
    (height, width), (padded_height, padded_width) = grid, _padded(grid, size)
    b, _, c = x.shape
    x = x.view(b, height, width, c)
    if (padded_height, padded_width) != (height, width):
        x = F.pad(x, (0, 0, 0, padded_width - width, 0, padded_height - height))
    x = x.view(b, padded_height // size, size, padded_width // size, size, c)
    return x.transpose(2, 3).reshape(-1, size * size, c)


def window_unpartition(windows: Tensor, grid: tuple[int, ...], size: int) -> Tensor:
    """Inverse of :func:`window_partition`: (B*nH*nW, s*s, C) to (B, H*W, C), padding dropped."""
    (height, width), (padded_height, padded_width) = grid, _padded(grid, size)
    rows, columns, c = padded_height // size, padded_width // size, windows.shape[-1]
    x = windows.view(-1, rows, columns, size, size, c).transpose(2, 3)
    x = x.reshape(-1, padded_height, padded_width, c)[:, :height, :width]
    return x.reshape(x.shape[0], height * width, c)
