"""Attention with decomposed relative position on a CPU: no N x N matrix, no channels beyond the head's.

A block of logits that fits the cache is made by a matrix product, gets its row and column terms by broadcasting, and is
used up before the next one. Three products of the head's width are then all the arithmetic; folding the terms into
extra channels costs H + W channels in each product, which a CPU feels.

Shape letters: P = B * h pairs of sample and head, N = H*W tokens, d channels of a head.
"""

from collections.abc import Iterator

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

# logits held at a time: 1 MB in fp32, half of a present-day core's second-level cache
CHUNK = 2**18


def _chunks(pairs: int, tokens: int) -> Iterator[tuple[slice, slice]]:
    """Ranges of pairs and of queries whose logits are about ``CHUNK`` numbers."""
    queries = min(tokens, max(1, CHUNK // tokens))
    together = max(1, CHUNK // (queries * tokens))
    for pair in range(0, pairs, together):
        for query in range(0, tokens, queries):
            yield slice(pair, pair + together), slice(query, query + queries)


def _probabilities(q: Tensor, k: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Softmax of ``q @ k.T`` plus terms, for some queries (P, n, d), rows (P, n, H) and columns (P, n, W)."""
    logits = torch.bmm(q, k.transpose(1, 2))
    by_key = logits.view(*rows.shape, columns.shape[-1])
    by_key.add_(rows.unsqueeze(-1)).add_(columns.unsqueeze(-2))
    return torch.softmax(logits, dim=-1)


class _ChunkedAttention(torch.autograd.Function):
    @staticmethod
    def forward(ctx, q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
        out = torch.empty_like(q)
        for pairs, queries in _chunks(*q.shape[:2]):
            part = pairs, queries
            probabilities = _probabilities(q[part], k[pairs], rows[part], columns[part])
            out[part] = torch.bmm(probabilities, v[pairs])
        ctx.save_for_backward(q, k, v, rows, columns, out)
        return out

    @staticmethod
    @once_differentiable
    def backward(ctx, grad: Tensor) -> tuple[Tensor, ...]:
        q, k, v, rows, columns, out = ctx.saved_tensors
        grads = dq, dk, dv, drows, dcolumns = [torch.zeros_like(t) for t in (q, k, v, rows, columns)]
        # what the softmax takes off each row of its gradient
        means = (grad * out).sum(-1, keepdim=True)
        for pairs, queries in _chunks(*q.shape[:2]):
            part = pairs, queries
            probabilities = _probabilities(q[part], k[pairs], rows[part], columns[part])
            dv[pairs].baddbmm_(probabilities.transpose(1, 2), grad[part])
            dlogits = torch.bmm(grad[part], v[pairs].transpose(1, 2)).sub_(means[part]).mul_(probabilities)
            by_key = dlogits.view(*drows[part].shape, dcolumns.shape[-1])
            drows[part], dcolumns[part] = by_key.sum(-1), by_key.sum(-2)
            dq[part] = torch.bmm(dlogits, k[pairs])
            dk[pairs].baddbmm_(dlogits.transpose(1, 2), q[part])
        return tuple(grads)


def attend_in_chunks(q: Tensor, k: Tensor, v: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """Attention whose logits are ``d ** -0.5 * q @ k.T`` plus a term of the key's row and one of its column.

    The backward pass makes the probabilities again; there is no second derivative.

    Args:
        q, k, v: (B, h, N, d), keys in row-major order of their (H, W) grid; ``q`` is not yet scaled.
        rows: (B, h, N, H), for each query the term of each row of keys.
        columns: (B, h, N, W), likewise of each column.

    Returns:
        (B, h, N, d).
    """
    scaled = q * q.shape[-1] ** -0.5
    flat = (tensor.flatten(0, 1).contiguous() for tensor in (scaled, k, v, rows, columns))
    return _ChunkedAttention.apply(*flat).view_as(q)
