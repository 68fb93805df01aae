"""Attention with relative positions on a CPU: no N x N matrix, no channels beyond the head's.

A block of logits that fits the cache is made by a matrix product, gets the terms of its positions by broadcasting, and
is used up before the next one. Folding decomposed terms into extra channels costs more: H + W in each product.

Shape letters: P = B * h pairs of sample and head, N tokens, d channels of a head.
"""

from collections.abc import Iterator
from itertools import pairwise

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from eva_mm.layers.logit_terms import Distances, RowsAndColumns

Terms = RowsAndColumns | Distances

# logits held at a time: 1 MB in fp32, half of a present-day core's second-level cache
CHUNK = 2**18


def _chunks(pairs: int, tokens: int, alignment: tuple[int, int]) -> Iterator[tuple[slice, slice]]:
    """Ranges of pairs and of queries whose logits are about ``CHUNK`` numbers."""
    first, unit = alignment
    queries = max(unit, CHUNK // tokens // unit * unit)
    together = max(1, CHUNK // (min(queries, tokens) * tokens))
    bounds = (0, *range(first + queries, tokens, queries), tokens)
    for pair in range(0, pairs, together):
        for start, stop in pairwise(bounds):
            yield slice(pair, pair + together), slice(start, stop)


def _probabilities(q: Tensor, k: Tensor, terms: Terms, part: tuple[slice, slice]) -> Tensor:
    """Softmax of ``q @ k.T`` plus terms, for some pairs and queries of them: (p, n, N)."""
    logits = torch.bmm(q[part], k[part[0]].transpose(1, 2))
    terms.add_to(logits, *part)
    return torch.softmax(logits, dim=-1)


class _ChunkedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, kind: type[Terms], q: Tensor, k: Tensor, v: Tensor, *tensors: Tensor) -> Tensor:
        out, terms = torch.empty_like(q), kind(*tensors)
        for part in _chunks(*q.shape[:2], terms.alignment):
            out[part] = torch.bmm(_probabilities(q, k, terms, part), v[part[0]])
        ctx.kind = kind
        ctx.save_for_backward(q, k, v, out, *tensors)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor | None, ...]:
        q, k, v, out, *tensors = ctx.saved_tensors
        dq, dk, dv, *dtensors = [torch.zeros_like(tensor) for tensor in (q, k, v, *tensors)]
        terms, dterms = ctx.kind(*tensors), ctx.kind(*dtensors)
        # what the softmax takes off each row of its gradient
        means = (grad * out).sum(-1, keepdim=True)
        for part in _chunks(*q.shape[:2], terms.alignment):
            pairs = part[0]
            probabilities = _probabilities(q, k, terms, part)
            dv[pairs].baddbmm_(probabilities.transpose(1, 2), grad[part])
            dlogits = torch.bmm(grad[part], v[pairs].transpose(1, 2)).sub_(means[part]).mul_(probabilities)
            dterms.take_gradient(dlogits, *part)
            dq[part] = torch.bmm(dlogits, k[pairs])
            dk[pairs].baddbmm_(dlogits.transpose(1, 2), q[part])
        return None, dq, dk, dv, *dtensors


def attend_in_chunks(q: Tensor, k: Tensor, v: Tensor, terms: Terms) -> Tensor:
    """Attention (B, h, N, d) with logits ``d ** -0.5 * q @ k.T`` plus terms, whose tensors have (B, h) in place of P.

    The backward pass makes the probabilities again; there is no second derivative.
    """
    if terms.reversed_keys:
        # the result does not depend on the order of the keys
        k, v = k.flip(-2), v.flip(-2)
    scaled = q * q.shape[-1] ** -0.5
    flat = (tensor.flatten(0, 1).contiguous() for tensor in (scaled, k, v, *terms))
    return _ChunkedAttention.apply(type(terms), *flat).view_as(q)
