"""RoIAlign (He et al., arXiv 1703.06870): bilinear samples inside the bins of a box, averaged or their maximum taken.

Boxes ``rois`` (n, 5) are (image index, x1, y1, x2, y2) in pixels of the image; ``aligned`` shifts them by half a
feature pixel. With ``sampling_ratio`` 0 a bin has one sample per feature pixel, rounded up.
"""

import torch
from torch import Tensor
from torchvision.ops import roi_align

from .bilinear import corners
from .precision import widen

__all__ = ['roi_align_backward', 'roi_align_forward']

MAX, AVERAGE = 0, 1
VALUES_AT_ONCE = 2**24  # bounds the memory of max pooling: so many samples times channels are held together


def roi_align_forward(
    input: Tensor,
    rois: Tensor,
    output: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``output`` (n, channels, aligned_height, aligned_width) from features ``input`` (images, channels, H, W).

    ``pool_mode`` 1 averages; 0 takes the maximum and fills ``argmax_y`` and ``argmax_x``, of the shape of ``output``,
    with the place of the highest sample in feature pixels.
    """
    features = widen(input)
    boxes = rois.to(features)
    size = (aligned_height, aligned_width)
    if pool_mode == AVERAGE:
        output.copy_(roi_align(features, boxes, size, spatial_scale, sampling_ratio, aligned))
        return
    table = features.permute(0, 2, 3, 1)
    origin, bin_size = _bins(boxes, size, spatial_scale, aligned)
    grids = torch.full_like(bin_size, sampling_ratio) if sampling_ratio > 0 else bin_size.ceil()
    for grid in grids.unique(dim=0).long().tolist():
        samples = max(1, grid[0] * grid[1] * aligned_height * aligned_width * features.size(1))
        alike = (grids == grids.new_tensor(grid)).all(1).nonzero()[:, 0]
        for some in alike.split(max(1, VALUES_AT_ONCE // samples)):
            best, y, x = _highest(table, boxes[some, 0].long(), origin[some], bin_size[some], size, grid)
            output[some], argmax_y[some], argmax_x[some] = (t.permute(0, 3, 1, 2).to(output) for t in (best, y, x))


def roi_align_backward(
    grad_output: Tensor,
    rois: Tensor,
    argmax_y: Tensor,
    argmax_x: Tensor,
    grad_input: Tensor,
    aligned_height: int,
    aligned_width: int,
    spatial_scale: float,
    sampling_ratio: int,
    pool_mode: int,
    aligned: bool,
) -> None:
    """Fill ``grad_input``, which comes as zeros (images, channels, H, W)."""
    grad = widen(grad_output)
    boxes = rois.to(grad)
    if pool_mode == AVERAGE:
        backward = torch.ops.torchvision._roi_align_backward
        size = (aligned_height, aligned_width)
        grad_input.copy_(backward(grad, boxes, spatial_scale, *size, *grad_input.shape, sampling_ratio, aligned))
        return
    _, channels, height, width = grad_input.shape
    index, share = corners(widen(argmax_y), widen(argmax_x), height, width)
    share = share * (argmax_y != -1)  # -1 marks a bin without samples
    plane = boxes[:, 0].long()[:, None] * channels + torch.arange(channels, device=grad.device)
    index = plane[:, :, None, None] * (height * width) + index
    flat = grad.new_zeros(grad_input.numel())
    flat.index_add_(0, index.flatten(), (share * grad).flatten())
    grad_input.copy_(flat.view_as(grad_input))


def _bins(boxes: Tensor, size: tuple[int, int], spatial_scale: float, aligned: bool) -> tuple[Tensor, Tensor]:
    """Upper left corner and bin size of each box, (n, 2) each, as (y, x) in feature pixels."""
    start, end = (boxes[:, 1:] * spatial_scale - (0.5 if aligned else 0.0)).split(2, dim=1)
    extent = end - start if aligned else (end - start).clamp(min=1)
    return start.flip(1), extent.flip(1) / extent.new_tensor(size)


def _highest(
    table: Tensor,
    image: Tensor,
    origin: Tensor,
    bin_size: Tensor,
    size: tuple[int, int],
    grid: list[int],
) -> tuple[Tensor, Tensor, Tensor]:
    """Highest sample and its place (y and x), (n, bins_h, bins_w, channels) each, of boxes with equal sampling grids.

    Args:
        table: features (images, H, W, channels).
        image: image index (n,).
        origin: upper left corner (n, 2).
        bin_size: (n, 2).
        size: number of bins, vertical and horizontal.
        grid: samples per bin, vertical and horizontal.
    """
    _, height, width, channels = table.shape
    shape = (len(image), *size, channels)
    # The compiled kernels start from these values, and a bin without samples keeps them.
    floor = -1e4 if table.device.type == 'cpu' else torch.finfo(torch.float32).min
    none = table.new_full(shape, -1)
    if min(grid) < 1:
        return table.new_full(shape, floor), none, none
    y, x = (_places(origin[:, i], bin_size[:, i], size[i], grid[i]) for i in (0, 1))
    y = y[:, :, None, :, None].expand(-1, -1, size[1], -1, grid[1]).flatten(3)
    x = x[:, None, :, None, :].expand(-1, size[0], -1, grid[0], -1).flatten(3)
    index, share = corners(y, x, height, width)
    rows = table.reshape(-1, channels)
    index = index + image[:, None, None, None] * (height * width)
    values = sum(rows[i] * s[..., None] for i, s in zip(index, share, strict=True))
    best, chosen = values.max(dim=3)
    found = best > floor
    y, x = (t[..., None].expand_as(values).gather(3, chosen[:, :, :, None])[:, :, :, 0] for t in (y, x))
    return best.clamp(min=floor), y.where(found, none), x.where(found, none)


def _places(origin: Tensor, bin_size: Tensor, bins: int, samples: int) -> Tensor:
    """Coordinates (n, bins, samples) of the samples along one axis."""
    step, inner = (torch.arange(n, device=origin.device).to(origin) for n in (bins, samples))
    start = origin[:, None] + step * bin_size[:, None]
    return start[:, :, None] + (inner + 0.5) * bin_size[:, None, None] / samples
