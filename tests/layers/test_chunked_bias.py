"""BEiT's relative bias in chunks; what holds for every kind of terms is in ``test_chunked_attention.py``."""

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from eva_mm.layers import Attention, attention, chunked_attention
from eva_mm.layers.chunked_attention import attend_in_chunks
from eva_mm.layers.logit_terms import Distances
from eva_mm.layers.relative_position_bias import RelativePositionBias


class LargestStorage(TorchDispatchMode):
    """Numbers in the largest storage that any operation returned; views of it count no more than itself."""

    numbers = 0

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        out = func(*args, **(kwargs or {}))
        for tensor in tree_leaves(out):
            if isinstance(tensor, torch.Tensor):
                self.numbers = max(self.numbers, tensor.untyped_storage().nbytes() // tensor.element_size())
        return out


def plain(q, k, v, module, grid):
    """The definition, with the N x N bias."""
    return (q.shape[-1] ** -0.5 * q @ k.transpose(-2, -1) + module(q, k, grid)[2]).softmax(-1) @ v


def in_chunks(q, k, v, module, grid):
    return attend_in_chunks(q, k, v, module.terms(q, grid))


def made(heads, grid, dtype=torch.float32):
    module = RelativePositionBias(heads, grid).to(dtype)
    torch.nn.init.normal_(module.relative_position_bias_table)
    return module


def inputs(batch, heads, grid, dims, dtype=torch.float32):
    shape = (batch, heads, 1 + grid[0] * grid[1], dims)
    return [torch.randn(shape, dtype=dtype, requires_grad=True) for _ in range(3)]


# one row of the grid at a time, two rows, all rows of several pairs, everything at once
@pytest.mark.parametrize('chunk', [1, 2 * 5 * 21, 21 * 21 * 3, 2**18])
@pytest.mark.parametrize('table_grid', [(4, 5), (3, 3), (6, 7)])
def test_equals_the_plain_form_with_its_gradients(monkeypatch, chunk, table_grid):
    monkeypatch.setattr(chunked_attention, 'CHUNK', chunk)
    module, tensors = made(2, table_grid), inputs(2, 2, (4, 5), 8)
    found, expected = in_chunks(*tensors, module, (4, 5)), plain(*tensors, module, (4, 5))
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad(out, [*tensors, *module.parameters()], weights) for out in (found, expected)]
    for one, other in zip(*gradients):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('grid', [(1, 1), (1, 4), (3, 1)])
def test_thin_grids(grid):
    module, tensors = made(2, grid), inputs(1, 2, grid, 4)
    torch.testing.assert_close(in_chunks(*tensors, module, grid), plain(*tensors, module, grid))


def test_gradient_is_the_derivative(monkeypatch):
    monkeypatch.setattr(chunked_attention, 'CHUNK', 30)
    q, k, v = inputs(1, 2, (2, 3), 3, torch.float64)
    terms = [tensor.detach().requires_grad_() for tensor in made(2, (2, 3), torch.float64).terms(q, (2, 3))]
    assert torch.autograd.gradcheck(
        lambda q, k, v, *terms: attend_in_chunks(q, k, v, Distances(*terms)), (q, k, v, *terms)
    )


def largest(attend, module, tensors, grid):
    with LargestStorage() as seen:
        attend(*tensors, module, grid).sum().backward()
    return seen.numbers


def test_nothing_as_large_as_all_pairs_of_tokens_is_ever_made(monkeypatch):
    grid, heads, tokens = (12, 12), 4, 145
    monkeypatch.setattr(chunked_attention, 'CHUNK', 2 * 12 * tokens)
    module, tensors = made(heads, grid), inputs(1, heads, grid, 4)
    assert largest(plain, module, tensors, grid) >= heads * tokens**2
    # the first block of queries has the class token besides its rows; what was given is smaller still
    assert largest(in_chunks, module, tensors, grid) <= (2 * 12 + 1) * tokens


@pytest.mark.parametrize('fp32', [False, True])
def test_attention_takes_it_and_gives_what_the_whole_matrix_gives(monkeypatch, fp32):
    layer = Attention(16, 2, relative_position=made(2, (4, 4)), fp32=fp32)
    calls = []
    monkeypatch.setattr(attention, 'attend_in_chunks', lambda *args: calls.append(1) or attend_in_chunks(*args))
    x = torch.randn(2, 36, 16)
    chunked = layer(x, (5, 7))
    assert calls
    monkeypatch.setattr(attention, '_chunks_pay', lambda q: False)
    torch.testing.assert_close(chunked, layer(x, (5, 7)), rtol=1e-5, atol=1e-5)
    assert len(calls) == 1
