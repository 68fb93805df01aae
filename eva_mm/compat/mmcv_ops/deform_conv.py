"""Deformable convolution (arXiv 1703.06211), and with modulation (arXiv 1811.11168), by torchvision's kernels.

Shapes: ``input`` (n, in, h, w); ``weight`` (out, in / groups, kernel_h, kernel_w); ``offset`` (n, 2 * deformable groups
* kernel_h * kernel_w, out_h, out_w), y and x interleaved; ``mask`` like ``offset`` with half the channels.

Where mmcv's kernels differ from torchvision's, mmcv's are followed: a sample exactly one pixel outside the map gives no
gradient to its offset; and with modulation, maps of offsets and masks that are larger than the output are read as if
they had its size, which mmdet's DyHead relies on.
"""

from typing import NamedTuple

import torch
from torch import Tensor
from torchvision.ops import deform_conv2d

from .precision import widen

__all__ = [
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
]


class _Layout(NamedTuple):
    """How the kernel lies over the input; pairs are (vertical, horizontal)."""

    stride: tuple[int, int]
    padding: tuple[int, int]
    dilation: tuple[int, int]
    groups: int
    deform_groups: int


def deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    offset: Tensor,
    output: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Fill ``output`` (n, out, out_h, out_w)."""
    layout = _Layout((dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)
    output.copy_(_forward(input, offset, None, weight, None, layout))


def deform_conv_backward_input(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradInput: Tensor,
    gradOffset: Tensor,
    weight: Tensor,
    columns: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    im2col_step: int,
) -> None:
    """Fill ``gradInput`` and ``gradOffset``."""
    layout = _Layout((dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)
    grad = _backward(gradOutput, input, offset, None, weight, layout)
    gradInput.copy_(grad.input)
    gradOffset.copy_(grad.offset)


def deform_conv_backward_parameters(
    input: Tensor,
    offset: Tensor,
    gradOutput: Tensor,
    gradWeight: Tensor,
    columns: Tensor,
    ones: Tensor,
    kW: int,
    kH: int,
    dW: int,
    dH: int,
    padW: int,
    padH: int,
    dilationW: int,
    dilationH: int,
    group: int,
    deformable_group: int,
    scale: float,
    im2col_step: int,
) -> None:
    """Add ``scale`` times the gradient to ``gradWeight``."""
    layout = _Layout((dH, dW), (padH, padW), (dilationH, dilationW), group, deformable_group)
    weight = torch.zeros_like(gradWeight)  # the gradient of the weight does not depend on the weight
    grad = _backward(gradOutput, input, offset, None, weight, layout)
    gradWeight.add_(grad.weight, alpha=scale)


def modulated_deform_conv_forward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    output: Tensor,
    columns: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Fill ``output`` (n, out, out_h, out_w); ``bias`` (out,) counts if ``with_bias``."""
    layout = _Layout((stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w), group, deformable_group)
    output.copy_(_forward(input, offset, mask, weight, bias if with_bias else None, layout))


def modulated_deform_conv_backward(
    input: Tensor,
    weight: Tensor,
    bias: Tensor,
    ones: Tensor,
    offset: Tensor,
    mask: Tensor,
    columns: Tensor,
    grad_input: Tensor,
    grad_weight: Tensor,
    grad_bias: Tensor,
    grad_offset: Tensor,
    grad_mask: Tensor,
    grad_output: Tensor,
    kernel_h: int,
    kernel_w: int,
    stride_h: int,
    stride_w: int,
    pad_h: int,
    pad_w: int,
    dilation_h: int,
    dilation_w: int,
    group: int,
    deformable_group: int,
    with_bias: bool,
) -> None:
    """Fill ``grad_input``, ``grad_offset``, ``grad_mask``, ``grad_weight``, and ``grad_bias`` if ``with_bias``."""
    layout = _Layout((stride_h, stride_w), (pad_h, pad_w), (dilation_h, dilation_w), group, deformable_group)
    grad = _backward(grad_output, input, offset, mask, weight, layout)
    grad_input.copy_(grad.input)
    grad_offset.copy_(grad.offset)
    grad_mask.copy_(grad.mask)
    grad_weight.copy_(grad.weight)
    if with_bias:
        grad_bias.copy_(grad.bias)


class _Gradients(NamedTuple):
    input: Tensor
    weight: Tensor
    offset: Tensor
    mask: Tensor
    bias: Tensor


def _forward(
    input: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    bias: Tensor | None,
    layout: _Layout,
) -> Tensor:
    if mask is not None:
        size = _output_size(input, weight, layout)
        offset, mask = _beginning(offset, size), _beginning(mask, size)
    return deform_conv2d(
        widen(input),
        widen(offset),
        widen(weight),
        None if bias is None else widen(bias),
        layout.stride,
        layout.padding,
        layout.dilation,
        None if mask is None else widen(mask),
    )


def _output_size(input: Tensor, weight: Tensor, layout: _Layout) -> tuple[int, int]:
    sides = zip(input.shape[2:], weight.shape[2:], layout.stride, layout.padding, layout.dilation)
    height, width = (
        (side + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1
        for side, kernel, stride, padding, dilation in sides
    )
    return height, width


def _beginning(maps: Tensor, size: tuple[int, int]) -> Tensor:
    """What a kernel finds that takes maps (n, c, H, W) for maps (n, c, *size): the first numbers of each sample."""
    wanted = maps.size(1) * size[0] * size[1]
    if maps.shape[2:] == size or maps[0].numel() < wanted:
        return maps
    return maps.flatten(1)[:, :wanted].unflatten(1, (maps.size(1), *size))


def _like_whole(part: Tensor, whole: Tensor) -> Tensor:
    """The gradient of ``whole`` from that of its :func:`_beginning`."""
    if part.shape == whole.shape:
        return part
    grad = part.new_zeros(whole.size(0), whole[0].numel())
    grad[:, : part[0].numel()] = part.flatten(1)
    return grad.view_as(whole)


def _samples_inside(input: Tensor, offset: Tensor, weight: Tensor, layout: _Layout) -> Tensor:
    """Which samples lie less than one pixel outside the map: (n, deformable groups, kernel, 1, out_h, out_w)."""
    (height, width), (kernel_h, kernel_w) = offset.shape[2:], weight.shape[2:]
    moves = offset.unflatten(1, (layout.deform_groups, kernel_h * kernel_w, 2))
    inside = torch.ones((), dtype=torch.bool, device=offset.device)
    places = []
    for axis, (out, kernel) in enumerate(((height, kernel_h), (width, kernel_w))):
        cell = torch.arange(out, device=offset.device) * layout.stride[axis] - layout.padding[axis]
        tap = torch.arange(kernel, device=offset.device) * layout.dilation[axis]
        places.append(tap[:, None] + cell)
    rows = places[0][:, None, :, None].expand(-1, kernel_w, -1, width).flatten(0, 1)
    columns = places[1][None, :, None, :].expand(kernel_h, -1, height, -1).flatten(0, 1)
    for axis, place in enumerate((rows, columns)):
        sample = place + moves[:, :, :, axis]
        inside = inside & (sample > -1) & (sample < input.size(2 + axis))
    return inside.unsqueeze(3)


def _backward(
    grad_output: Tensor,
    input: Tensor,
    offset: Tensor,
    mask: Tensor | None,
    weight: Tensor,
    layout: _Layout,
) -> _Gradients:
    whole_offset, whole_mask = offset, mask
    if mask is not None:
        size = grad_output.shape[2:]
        offset, mask = _beginning(offset, size), _beginning(mask, size)
    grad_output = widen(grad_output)
    grad = _Gradients(
        *torch.ops.torchvision._deform_conv2d_backward(
            grad_output,
            widen(input),
            widen(weight),
            widen(offset),
            grad_output.new_zeros(len(input), 1) if mask is None else widen(mask),
            grad_output.new_zeros(weight.size(0)),
            *layout.stride,
            *layout.padding,
            *layout.dilation,
            layout.groups,
            layout.deform_groups,
            mask is not None,
        )
    )
    inside = _samples_inside(input, widen(offset), weight, layout)
    by_sample = grad.offset.unflatten(1, (layout.deform_groups, -1, 2))
    grad = grad._replace(offset=_like_whole((by_sample * inside).flatten(1, 3), whole_offset))
    return grad if whole_mask is None else grad._replace(mask=_like_whole(grad.mask, whole_mask))
