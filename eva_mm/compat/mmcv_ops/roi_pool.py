"""RoIPool (Girshick, arXiv 1504.08083): the maximum of the pixels in each bin of a box.

This is mmcv's rule, not torchvision's: a box (image index, x1, y1, x2, y2) includes its last pixel and is not rounded;
a bin has every pixel that it touches.
"""

import torch
from torch import Tensor

from .precision import widen

__all__ = ['roi_pool_backward', 'roi_pool_forward']

VALUES_AT_ONCE = 2**24  # bounds the memory: so many pixels times channels are held together


def roi_pool_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill ``output`` and ``argmax`` (n, channels, pooled_height, pooled_width) from features (images, channels, H, W).

    ``argmax`` is the index of the highest pixel in the flattened map. A bin without pixels gives 0 and -1.
    """
    features = widen(input)
    _, channels, height, width = features.shape
    table = features.permute(0, 2, 3, 1).reshape(-1, channels)
    boxes = rois.to(features)
    rows = _pixels(boxes[:, [2, 4]], pooled_height, spatial_scale, height)
    columns = _pixels(boxes[:, [1, 3]], pooled_width, spatial_scale, width)
    pixels = pooled_height * pooled_width * rows.size(2) * columns.size(2) * channels
    for some in torch.arange(len(boxes), device=boxes.device).split(max(1, VALUES_AT_ONCE // max(1, pixels))):
        y, x = rows[some][:, :, None, :, None], columns[some][:, None, :, None, :]
        known = ((y >= 0) & (x >= 0)).flatten(3)
        place = (y.clamp(min=0) * width + x.clamp(min=0)).flatten(3)
        first = boxes[some, 0].long()[:, None, None, None] * (height * width)
        values = table[first + place].masked_fill(~known[..., None], -torch.inf)
        best, chosen = values.max(dim=3)
        place = place[..., None].expand_as(values).gather(3, chosen[:, :, :, None])[:, :, :, 0]
        filled = known.any(3)[..., None]
        output[some] = best.where(filled, 0).permute(0, 3, 1, 2).to(output)
        argmax[some] = place.where(filled, -1).permute(0, 3, 1, 2).to(argmax)


def roi_pool_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax: Tensor,
    grad_input: Tensor,
    pooled_height: int,
    pooled_width: int,
    spatial_scale: float,
) -> None:
    """Fill ``grad_input``, which comes as zeros (images, channels, H, W)."""
    _, channels, height, width = grad_input.shape
    grad = widen(grad_output) * (argmax >= 0)
    plane = rois[:, 0].long()[:, None] * channels + torch.arange(channels, device=grad.device)
    index = plane[:, :, None, None] * (height * width) + argmax.clamp(min=0)
    flat = grad.new_zeros(grad_input.numel())
    flat.index_add_(0, index.flatten(), grad.flatten())
    grad_input.copy_(flat.view_as(grad_input))


def _pixels(ends: Tensor, bins: int, spatial_scale: float, size: int) -> Tensor:
    """Pixels (n, bins, most pixels in a bin) along one axis, -1 where a bin has fewer.

    Args:
        ends: first and last pixel of the box (n, 2).
        bins: number of bins.
        spatial_scale: feature pixels per image pixel.
        size: of the map.
    """
    start = ends[:, :1] * spatial_scale
    extent = (ends[:, 1:] + 1) * spatial_scale - start
    edges = torch.arange(bins + 1, device=ends.device) * (extent / bins) + start
    first = edges[:, :-1].floor().clamp(0, size).long()
    count = (edges[:, 1:].ceil().clamp(0, size).long() - first).where(extent > 0, 0).clamp(min=0)
    step = torch.arange(max(1, int(count.max())) if count.numel() else 1, device=ends.device)
    return (first[..., None] + step).where(step < count[..., None], -1)
