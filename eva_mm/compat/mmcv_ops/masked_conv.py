"""Convolution at some places only (mmcv's ``masked_conv2d``): gather the patches there, and scatter the results."""

import torch.nn.functional as F
from torch import Tensor

__all__ = ['masked_col2im_forward', 'masked_im2col_forward']


def masked_im2col_forward(
    im: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    col: Tensor,
    kernel_h: int,
    kernel_w: int,
    pad_h: int,
    pad_w: int,
) -> None:
    """Fill ``col`` (channels * kernel_h * kernel_w, places) with zero-padded patches of ``im`` (1, channels, H, W)."""
    padded = F.pad(im[0], (pad_w, pad_w, pad_h, pad_h))
    patches = padded.unfold(1, kernel_h, 1).unfold(2, kernel_w, 1)
    col.copy_(patches[:, mask_h_idx, mask_w_idx].permute(0, 2, 3, 1).flatten(0, 2))


def masked_col2im_forward(
    col: Tensor,
    mask_h_idx: Tensor,
    mask_w_idx: Tensor,
    im: Tensor,
    height: int,
    width: int,
    channels: int,
) -> None:
    """Write ``col`` (channels, places) into ``im`` (1, channels, height, width)."""
    # under autocast the product is half and the map fp32
    im[0, :, mask_h_idx, mask_w_idx] = col.to(im.dtype)
