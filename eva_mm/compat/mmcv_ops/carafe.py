"""CARAFE (Wang et al., arXiv 1905.02188): upsampling in which each output pixel has its own kernel.

Shapes: features (n, c, h, w); masks (n, groups * k * k, s * h, s * w), the kernels of the output pixels; output
(n, c, s * h, s * w), with kernel size k and scale factor s. Channels are split evenly among the groups. One tap of the
kernels is taken at a time, so no more memory is needed than a few times the output.
"""

import torch
import torch.nn.functional as F
from torch import Tensor

from .precision import widen

__all__ = ['carafe_backward', 'carafe_forward', 'carafe_naive_backward', 'carafe_naive_forward']


def carafe_naive_forward(
    features: Tensor,
    masks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output``."""
    windows = _windows(_padded(features, kernel_size), kernel_size, group_size)
    kernels = _in_blocks(masks, group_size, scale_factor)
    result = torch.zeros_like(_in_blocks(output, group_size, scale_factor))
    for tap, (row, column) in enumerate(_taps(kernel_size)):
        result.addcmul_(_per_block(windows[..., row, column]), kernels[:, :, None, tap])
    output.copy_(_out_of_blocks(result))


def carafe_naive_backward(
    top_grad: Tensor,
    features: Tensor,
    masks: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of the features, ``bottom_grad``, and of the kernels, ``mask_grad``."""
    padded = _padded(features, kernel_size)
    padded_grad = torch.zeros_like(padded)
    windows = _windows(padded, kernel_size, group_size)
    windows_grad = _windows(padded_grad, kernel_size, group_size)
    kernels = _in_blocks(masks, group_size, scale_factor)
    kernels_grad = torch.zeros_like(kernels)
    grad = _in_blocks(top_grad, group_size, scale_factor)
    for tap, (row, column) in enumerate(_taps(kernel_size)):
        kernels_grad[:, :, tap] = (grad * _per_block(windows[..., row, column])).sum(2)
        windows_grad[..., row, column] += (grad * kernels[:, :, None, tap]).sum((4, 6))
    border = kernel_size // 2
    bottom_grad.copy_(padded_grad[:, :, border:, border:][:, :, : features.size(2), : features.size(3)])
    mask_grad.copy_(_out_of_blocks(kernels_grad))


def carafe_forward(
    features: Tensor,
    masks: Tensor,
    rfeatures: Tensor,
    routput: Tensor,
    rmasks: Tensor,
    output: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill ``output``, and ``rfeatures``, which the backward pass gets in place of the features."""
    rfeatures.copy_(features)
    carafe_naive_forward(features, masks, output, kernel_size, group_size, scale_factor)


def carafe_backward(
    top_grad: Tensor,
    rfeatures: Tensor,
    masks: Tensor,
    rtop_grad: Tensor,
    rbottom_grad_hs: Tensor,
    rbottom_grad: Tensor,
    rmask_grad: Tensor,
    bottom_grad: Tensor,
    mask_grad: Tensor,
    kernel_size: int,
    group_size: int,
    scale_factor: int,
) -> None:
    """Fill the gradients of the features, ``bottom_grad``, and of the kernels, ``mask_grad``."""
    carafe_naive_backward(top_grad, rfeatures, masks, bottom_grad, mask_grad, kernel_size, group_size, scale_factor)


def _taps(kernel_size: int) -> list[tuple[int, int]]:
    return [divmod(tap, kernel_size) for tap in range(kernel_size**2)]


def _padded(features: Tensor, kernel_size: int) -> Tensor:
    return F.pad(widen(features), (kernel_size // 2,) * 4)


def _windows(padded: Tensor, kernel_size: int, groups: int) -> Tensor:
    """View (n, groups, c / groups, h, w, k, k) of the windows around each pixel."""
    return padded.unfold(2, kernel_size, 1).unfold(3, kernel_size, 1).unflatten(1, (groups, -1))


def _per_block(pixels: Tensor) -> Tensor:
    """(n, groups, c, h, w) to (n, groups, c, h, 1, w, 1): one pixel for the s x s output pixels over it."""
    return pixels[:, :, :, :, None, :, None]


def _in_blocks(upsampled: Tensor, groups: int, scale: int) -> Tensor:
    """View (n, groups * x, s * h, s * w) as (n, groups, x, h, s, w, s)."""
    blocks = widen(upsampled).unflatten(3, (-1, scale)).unflatten(2, (-1, scale))
    return blocks.unflatten(1, (groups, -1))


def _out_of_blocks(blocks: Tensor) -> Tensor:
    """(n, groups, x, h, s, w, s) back to (n, groups * x, s * h, s * w)."""
    return blocks.flatten(5, 6).flatten(3, 4).flatten(1, 2)
