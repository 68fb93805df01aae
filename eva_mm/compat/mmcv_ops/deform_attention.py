"""Multi-scale deformable attention (Zhu et al., arXiv 2010.04159) in plain torch, all levels at once.

Every sampled point is a weighted sum of the four tokens around it, and every output a weighted sum of points. So each
head of each query is a *bag* of 4 * levels * points tokens with weights, and ``embedding_bag`` sums it without ever
holding the sampled values. Queries are taken in parts and the backward pass recomputes, which bounds the memory.

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

TOKENS_AT_ONCE = 2**20  # so many members of bags are held together, at about 100 bytes each


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
    batch, tokens, heads, width = value.shape
    index, share = _corners(spatial_shapes, level_start_index, locations)
    # Row of a token in the table of all tokens of all heads and images; int32 halves the memory of the bags.
    image = torch.arange(batch, device=value.device, dtype=torch.int32) * (tokens * heads)
    head = torch.arange(heads, device=value.device, dtype=torch.int32)
    row = index * heads + (image[:, None] + head)[:, None, :, None, None, None, None]
    share = share * weights[..., None, None]
    members = share[0, 0, 0].numel()
    bags = F.embedding_bag(
        row.reshape(-1, members),
        value.reshape(-1, width),
        mode='sum',
        per_sample_weights=share.reshape(-1, members),
    )
    return bags.view(batch, -1, heads * width)


def _corners(spatial_shapes: Tensor, level_start_index: Tensor, locations: Tensor) -> tuple[Tensor, Tensor]:
    """The tokens around each location and their bilinear shares, (b, queries, heads, levels, points, 2, 2) each.

    Outside its level a location meets zeros.
    """
    size = spatial_shapes.flip(1).int()[:, None]  # (levels, 1, 2): width, height
    place = (locations * size - 0.5).clamp(min=-1).minimum(size.to(locations))
    first = place.detach().floor()
    past = place - first
    pixel = torch.stack([first, first + 1], dim=-1).int()  # (..., x or y, before or after)
    exists = (pixel >= 0) & (pixel < size[..., None])
    share_x, share_y = (torch.stack([1 - past, past], dim=-1) * exists).unbind(-2)
    x, y = pixel.clamp(min=0).minimum(size[..., None] - 1).unbind(-2)
    token = level_start_index.int()[:, None, None, None] + y[..., None] * size[..., :1, None] + x[..., None, :]
    return token, share_y[..., None] * share_x[..., None, :]
