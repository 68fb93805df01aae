"""Rotary positions: laws that hold for every kind, and where tables may come from."""

import copy
import io

import pytest
import torch
from torch import nn
from torch._subclasses.fake_tensor import FakeTensorMode

from eva_mm.layers import Attention, WindowAttention
from eva_mm.layers.rotary import Kept, Rotary, RotaryPosition, _kept_tables

KINDS = {
    'neighbours': Rotary(),
    'counted': Rotary(span=None),
    'columns-first': Rotary(span=14.0, offset=1.0, columns_first=True),
    'halves': Rotary(100.0, 2.0, -1.0, 0.5, 6.283185307179586, halves=True),
}
GRID = (3, 5)


@pytest.fixture(params=KINDS)
def rotary(request):
    return KINDS[request.param]


def attention(rotary, extra=0, kind=Attention, **kwargs):
    return kind(32, 4, relative_position=RotaryPosition(rotary, 8, extra), **kwargs)


def test_turns_are_those_of_the_definition(rotary):
    """Pair by pair, token by token, in double precision."""
    x, (height, width), pairs = torch.randn(2, 3, 1 + 15, 16), GRID, 4
    turned, _, bias = RotaryPosition(rotary, 16, 1)(x, x, GRID)
    assert bias is None and torch.equal(turned[:, :, 0], x[:, :, 0])
    for token in range(15):
        places = []
        for index, side in zip(divmod(token, width), (height, width)):
            place = index + rotary.offset
            places.append(place if rotary.span is None else place / side * rotary.span + rotary.start)
        for axis, place in enumerate(reversed(places) if rotary.columns_first else places):
            for k in range(pairs):
                angle = torch.tensor(rotary.turn * place * rotary.base ** (-k / pairs), dtype=torch.float64)
                pair = axis * pairs + k
                first, second = (pair, pair + 8) if rotary.halves else (2 * pair, 2 * pair + 1)
                a, b = x[:, :, 1 + token, first].double(), x[:, :, 1 + token, second].double()
                for channel, expected in (
                    (first, a * angle.cos() - b * angle.sin()),
                    (second, b * angle.cos() + a * angle.sin()),
                ):
                    found = turned[:, :, 1 + token, channel].double()
                    torch.testing.assert_close(found, expected, rtol=0, atol=1e-5)


def test_neighbours_turn_alike_in_one_pass_and_step_by_step():
    """In fp32 as a complex product, elsewhere by sines and cosines."""
    module, x = RotaryPosition(Rotary(), 16), torch.randn(1, 2, 15, 16)
    tables = module.tables(GRID, x)
    assert tables.phase is not None
    torch.testing.assert_close(module._turn(x, tables), module._turn(x, tables._replace(phase=None)), rtol=0, atol=1e-6)


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_half_precision_is_rounded_once(rotary, dtype):
    x = torch.randn(1, 2, 15, 16).to(dtype)
    module = RotaryPosition(rotary, 16)
    turned, _, _ = module(x, x, GRID)
    exact, _, _ = module(x.float(), x.float(), GRID)
    assert turned.dtype == dtype
    torch.testing.assert_close(turned, exact.to(dtype), rtol=2e-2 if dtype == torch.bfloat16 else 2e-3, atol=1e-3)


def test_a_shift_of_the_grid_changes_no_logit():
    """What makes a position relative: of queries and keys that turn, only the difference counts."""
    q, k = torch.randn(2, 1, 1, 1, 16).unbind()
    q, k = (each.expand(1, 1, 36, 16) for each in (q, k))
    q, k, _ = RotaryPosition(Rotary(span=None), 16)(q, k, (6, 6))
    logits = (q @ k.mT).view(6, 6, 6, 6)
    torch.testing.assert_close(logits[1, 2, 3, 4], logits[0, 0, 2, 2], rtol=1e-4, atol=1e-4)
    torch.testing.assert_close(logits[5, 4, 3, 2], logits[4, 4, 2, 2], rtol=1e-4, atol=1e-4)


def test_a_window_as_large_as_the_grid_is_global_attention(rotary):
    whole, window = attention(rotary), attention(rotary, kind=WindowAttention, window_size=6)
    window.load_state_dict(whole.state_dict())
    x = torch.randn(2, 36, 32)
    torch.testing.assert_close(window(x, (6, 6)), whole(x, (6, 6)))


def test_every_window_counts_from_zero(rotary):
    """Four equal windows give four equal results."""
    module = attention(rotary, kind=WindowAttention, window_size=3)
    tile = torch.randn(1, 3, 3, 32)
    x = torch.cat((torch.cat((tile, tile), 2), torch.cat((tile, tile), 2)), 1)
    out = module(x.flatten(1, 2), (6, 6)).view(1, 6, 6, 32)
    torch.testing.assert_close(out[:, :3, :3], out[:, 3:, 3:])
    torch.testing.assert_close(out[:, :3, :3], attention_of(module, tile))


def attention_of(module, tile):
    return Attention.forward(module, tile.flatten(1, 2), (3, 3)).view(tile.shape)


def test_kept_patches_turn_by_their_own_places(rotary):
    """Dropping patches is attending with the dropped keys masked."""
    module = attention(rotary, 2)
    nn.init.normal_(module.q_bias)
    x, keep = torch.randn(2, 2 + 15, 32), torch.tensor([[3, 0, 14, 7], [1, 2, 9, 4]])
    kept = Kept(GRID, keep)
    found = module(kept.take(x, 2), kept)
    q, k, v = (each.unflatten(-1, (4, -1)).transpose(1, 2) for each in module._project(x))
    q, k, _ = module.rel_pos(q, k, GRID)
    visible = torch.zeros(2, 17, dtype=torch.bool).scatter_(1, kept.tokens(2), True)
    bias = torch.zeros(2, 1, 1, 17).masked_fill_(~visible[:, None, None], float('-inf'))
    out = nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=bias)
    expected = kept.take(module.proj(out.transpose(1, 2).flatten(2)), 2)
    torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-5)


def test_frames_of_a_clip_turn_alike(rotary):
    module, x = RotaryPosition(rotary, 16, 1), torch.randn(1, 2, 15, 16)
    clip = torch.cat((torch.randn(1, 2, 1, 16), x, x), dim=2)
    turned, _, _ = module(clip, clip, (2, *GRID))
    image, _, _ = RotaryPosition(rotary, 16)(x, x, GRID)
    assert torch.equal(turned[:, :, 1:16], image) and torch.equal(turned[:, :, 16:], image)


def test_gradients_are_those_of_a_rotation(rotary):
    module = RotaryPosition(rotary, 8)
    x = torch.randn(1, 1, 15, 8, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda each: module(each, each, GRID)[0], x, atol=1e-5)


def test_tables_are_cached_outside_of_modules(rotary):
    module = attention(rotary, 1)
    x = torch.randn(1, 16, 32)
    before = module(x, GRID)
    like = torch.zeros(1)
    assert module.rel_pos.tables(GRID, like).cos is copy.deepcopy(module).rel_pos.tables(GRID, like).cos
    assert not any('rel_pos' in name for name in module.state_dict()) and not list(module.buffers())
    assert torch.equal(copy.deepcopy(module)(x, GRID), before)


def test_tables_made_in_inference_mode_serve_training(rotary):
    _kept_tables.cache_clear()
    module, x = attention(rotary), torch.randn(1, 15, 32)
    with torch.inference_mode():
        module(x, GRID)
    module(x.requires_grad_(), GRID).sum().backward()
    assert x.grad.abs().sum() > 0


def test_fake_tensors_leave_nothing_behind(rotary):
    """A planner counts a model on fake tensors; what it computes must not serve real ones."""
    _kept_tables.cache_clear()
    module = attention(rotary)
    with FakeTensorMode(allow_non_fake_inputs=True):
        fake = module(torch.randn(1, 15, 32), GRID)
    assert fake.shape == (1, 15, 32)
    assert type(module(torch.randn(1, 15, 32), GRID)) is torch.Tensor


@pytest.mark.parametrize('extra', [0, 1, 5])
def test_compiles_as_one_graph_for_grids_of_any_size(rotary, extra):
    torch._dynamo.reset()
    module = attention(rotary, extra)
    compiled = torch.compile(module, fullgraph=True, backend='aot_eager')
    for grid in ((3, 5), (4, 4), (2, 7)):
        x = torch.randn(1, extra + grid[0] * grid[1], 32)
        torch.testing.assert_close(compiled(x, grid), module(x, grid), rtol=1e-4, atol=1e-5)


class OfMaps(nn.Module):
    """Attention over a map, whose sides a tracer sees."""

    def __init__(self, rotary):
        super().__init__()
        self.attn = attention(rotary)

    def forward(self, maps):
        return self.attn(maps.flatten(2).transpose(1, 2), tuple(maps.shape[2:]))


def test_tables_are_constants_of_an_exported_graph(rotary):
    model, maps = OfMaps(rotary), torch.randn(2, 32, 3, 5)
    _kept_tables.cache_clear()
    traced = torch.jit.trace(model, maps)
    kinds = {node.kind() for node in traced.inlined_graph.nodes()}
    assert not kinds & {'aten::cos', 'aten::sin', 'aten::arange', 'aten::repeat', 'aten::tile', 'prim::If'}
    other = torch.randn(3, 32, 3, 5)
    torch.testing.assert_close(traced(other), model(other), rtol=1e-4, atol=1e-5)
    file = io.BytesIO()
    torch.jit.save(traced, file)
    file.seek(0)
    torch.testing.assert_close(torch.jit.load(file)(other), model(other), rtol=1e-4, atol=1e-5)
    exported = torch.export.export(model, (maps,), dynamic_shapes={'maps': {0: torch.export.Dim('batch')}})
    torch.testing.assert_close(exported.module()(other), model(other), rtol=1e-4, atol=1e-5)


@pytest.mark.filterwarnings('ignore')
def test_onnx_has_no_branch(rotary):
    onnx = pytest.importorskip('onnx')
    model, maps, file = OfMaps(rotary), torch.randn(2, 32, 3, 5), io.BytesIO()
    _kept_tables.cache_clear()
    torch.onnx.export(model, (maps,), file, dynamo=False, input_names=['maps'], dynamic_axes={'maps': {0: 'batch'}})
    kinds = {node.op_type for node in onnx.load_from_string(file.getvalue()).graph.node}
    assert not kinds & {'If', 'Cos', 'Sin', 'Range', 'Tile'}


def test_a_head_of_another_width_is_refused():
    with pytest.raises(ValueError, match='divisible by 4, got 6'):
        RotaryPosition(Rotary(), 6)
