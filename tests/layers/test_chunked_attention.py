import pytest
import torch

from eva_mm.layers import Attention, WindowAttention, attention, chunked_attention
from eva_mm.layers.chunked_attention import attend_in_chunks
from eva_mm.layers.logit_terms import RowsAndColumns
from eva_mm.layers.relative_position import DecomposedRelativePosition


def plain(q, k, v, rows, columns):
    """The definition, with the N x N bias."""
    bias = (rows.unsqueeze(-1) + columns.unsqueeze(-2)).flatten(-2)
    return (q.shape[-1] ** -0.5 * q @ k.transpose(-2, -1) + bias).softmax(-1) @ v


def in_chunks(q, k, v, rows, columns):
    return attend_in_chunks(q, k, v, RowsAndColumns(rows, columns))


def inputs(batch, heads, grid, dims, dtype=torch.float32):
    tokens = grid[0] * grid[1]
    shapes = [(tokens, dims)] * 3 + [(tokens, grid[0]), (tokens, grid[1])]
    return [torch.randn(batch, heads, *shape, dtype=dtype, requires_grad=True) for shape in shapes]


# several queries of one pair, all queries of several pairs, everything at once
@pytest.mark.parametrize('chunk', [50, 20 * 20 * 3, 2**18])
def test_equals_the_plain_form_with_its_gradients(monkeypatch, chunk):
    monkeypatch.setattr(chunked_attention, 'CHUNK', chunk)
    tensors = inputs(2, 2, (4, 5), 8)
    found, expected = in_chunks(*tensors), plain(*tensors)
    torch.testing.assert_close(found, expected, rtol=1e-5, atol=1e-5)
    weights = torch.randn_like(expected)
    gradients = [torch.autograd.grad(out, tensors, weights) for out in (found, expected)]
    for one, other in zip(*gradients):
        torch.testing.assert_close(one, other, rtol=1e-5, atol=1e-5)


def test_gradient_is_the_derivative(monkeypatch):
    monkeypatch.setattr(chunked_attention, 'CHUNK', 30)
    assert torch.autograd.gradcheck(in_chunks, inputs(1, 2, (2, 3), 3, torch.float64))


def test_one_query_at_a_time_when_a_row_exceeds_the_chunk(monkeypatch):
    monkeypatch.setattr(chunked_attention, 'CHUNK', 1)
    tensors = inputs(1, 1, (2, 3), 4)
    torch.testing.assert_close(in_chunks(*tensors), plain(*tensors), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize('kind', ['global', 'window'])
def test_attention_takes_it_and_gives_what_the_fused_kernel_gives(monkeypatch, kind):
    relative = DecomposedRelativePosition(8, (4, 4))
    for table in relative.parameters():
        torch.nn.init.normal_(table)
    layer = Attention(16, 2, relative_position=relative)
    if kind == 'window':
        layer = WindowAttention(16, 2, 4, relative_position=relative)
    calls = []
    monkeypatch.setattr(attention, 'attend_in_chunks', lambda *args: calls.append(1) or attend_in_chunks(*args))
    x = torch.randn(2, 35, 16)
    chunked = layer(x, (5, 7))
    assert calls
    monkeypatch.setattr(attention, '_chunks_pay', lambda q: False)
    torch.testing.assert_close(chunked, layer(x, (5, 7)), rtol=1e-5, atol=1e-5)
    assert len(calls) == 1


@pytest.mark.parametrize('dtype', [torch.bfloat16, torch.float64])
def test_other_dtypes_go_to_the_fused_kernel(monkeypatch, dtype):
    monkeypatch.setattr(attention, 'attend_in_chunks', None)
    layer = Attention(16, 2, relative_position=DecomposedRelativePosition(8, (4, 4))).to(dtype)
    assert layer(torch.randn(1, 16, 16, dtype=dtype), (4, 4)).dtype == dtype


def test_a_recorded_graph_has_no_loop():
    layer = Attention(16, 2, relative_position=DecomposedRelativePosition(8, (4, 4))).eval()
    x = torch.randn(1, 16, 16)
    program = torch.export.export(layer, (x, (4, 4)))
    torch.testing.assert_close(program.module()(x, (4, 4)), layer(x, (4, 4)), rtol=1e-5, atol=1e-5)
    assert any('scaled_dot_product_attention' in str(node.target) for node in program.graph.nodes)
