"""Multi-scale deformable attention (Zhu et al., arXiv 2010.04159) in plain torch, level by level.

``grid_sample`` reads the points. Queries are taken in parts and the backward pass recomputes, which bounds the memory:
sampled values are held for one part at a time.

Shapes: value (b, tokens, heads, width), the levels one after another; spatial_shapes (levels, 2), height and width;
level_start_index (levels,); sampling_locations (b, queries, heads, levels, points, 2), x and y as fractions of their
level; attention_weights (b, queries, heads, levels, points); output (b, queries, heads * width).
"""

from collections.abc import Iterator
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.autograd.function import once_differentiable

from .precision import widen

__all__ = ['ms_deform_attn_backward', 'ms_deform_attn_forward', 'multi_scale_deformable_attention']

TOKENS_AT_ONCE = 2**20  # so many corners of sampled points are held together
TOKENS_TO_KEEP = 2**19  # so few are not worth computing twice


def ms_deform_attn_forward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    im2col_step: int = 64,
) -> Tensor:
    """The attended values (b, queries, heads * width)."""
    locations, weights = widen(sampling_locations), widen(attention_weights)
    levels = value_spatial_shapes, value_level_start_index
    wide = widen(value)
    with torch.no_grad():
        parts = [_attend(wide, *levels, locations[:, p], weights[:, p]) for p in _parts(locations)]
    return torch.cat(parts, dim=1).to(value.dtype)


def ms_deform_attn_backward(
    value: Tensor,
    value_spatial_shapes: Tensor,
    value_level_start_index: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
    grad_output: Tensor,
    grad_value: Tensor,
    grad_sampling_loc: Tensor,
    grad_attn_weight: Tensor,
    im2col_step: int = 64,
) -> None:
    """Fill the gradients of value, locations and weights."""
    wide = widen(value.detach()).requires_grad_()
    locations, weights = widen(sampling_locations.detach()), widen(attention_weights.detach())
    total = torch.zeros_like(wide)
    for part in _parts(locations):
        inputs = wide, locations[:, part].requires_grad_(), weights[:, part].requires_grad_()
        with torch.enable_grad():
            output = _attend(wide, value_spatial_shapes, value_level_start_index, *inputs[1:])
        grads = torch.autograd.grad(output, inputs, widen(grad_output[:, part]))
        total += grads[0]
        grad_sampling_loc[:, part] = grads[1].to(grad_sampling_loc.dtype)
        grad_attn_weight[:, part] = grads[2].to(grad_attn_weight.dtype)
    grad_value.copy_(total)


def multi_scale_deformable_attention(
    value: Tensor,
    value_spatial_shapes: Tensor,
    sampling_locations: Tensor,
    attention_weights: Tensor,
) -> Tensor:
    """Deformable attention with gradients, in place of mmcv's ``multi_scale_deformable_attn_pytorch``."""
    shapes = torch.as_tensor(value_spatial_shapes, device=value.device)
    start = shapes.prod(1).cumsum(0) - shapes.prod(1)
    # a graph of another runtime holds neither a function with a gradient of its own nor parts of a batch's size
    if torch.jit.is_tracing() or 4 * sampling_locations[..., 0].numel() <= TOKENS_TO_KEEP:
        wide = _attend(widen(value), shapes, start, widen(sampling_locations), widen(attention_weights))
        return wide.to(value.dtype)
    return _Attention.apply(value, shapes, start, sampling_locations, attention_weights)


class _Attention(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, *inputs: Tensor) -> Tensor:
        ctx.save_for_backward(*inputs)
        return ms_deform_attn_forward(*inputs)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        # read once: activation checkpointing refuses a second time
        saved = ctx.saved_tensors
        grads = [torch.empty_like(saved[index]) for index in (0, 3, 4)]
        ms_deform_attn_backward(*saved, grad_output, *grads)
        return grads[0], None, None, grads[1], grads[2]


def _parts(locations: Tensor) -> Iterator[slice]:
    """Ranges of queries whose bags together have at most ``TOKENS_AT_ONCE`` members."""
    queries = locations.size(1)
    per_query = max(1, 4 * locations[:, :1, ..., 0].numel())
    step = max(1, TOKENS_AT_ONCE // per_query)
    return (slice(first, first + step) for first in range(0, max(queries, 1), step))


def _attend(
    value: Tensor, spatial_shapes: Tensor, level_start_index: Tensor, locations: Tensor, weights: Tensor
) -> Tensor:
    """Attended values (b, queries, heads * width) of some queries, in differentiable torch."""
    batch, _, heads, width = value.shape
    maps = value.permute(0, 2, 3, 1).flatten(0, 1)
    # grid_sample counts from -1 to 1 and has zeros outside, as the kernel
    places = (2 * locations - 1).transpose(1, 2).flatten(0, 1)
    weights = weights.transpose(1, 2).flatten(0, 1)[:, None]
    total = value.new_zeros(batch * heads, width, locations.size(1))
    starts = level_start_index.tolist()
    for level, ((rows, columns), first) in enumerate(zip(spatial_shapes.tolist(), starts)):
        image = maps[..., first : first + rows * columns].unflatten(2, (rows, columns))
        points = F.grid_sample(image, places[:, :, level], align_corners=False)
        total = total + (points * weights[..., level, :]).sum(-1)
    return total.view(batch, heads * width, -1).transpose(1, 2)
