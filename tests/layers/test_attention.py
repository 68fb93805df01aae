import pytest
import torch
from torch import nn

from eva_mm.layers import Attention, LayerNorm, WindowAttention
from eva_mm.layers.attention import attend_fp32
from eva_mm.layers.windows import window_partition, window_unpartition


def test_window_as_large_as_the_grid_is_global_attention():
    window, full = WindowAttention(16, 2, window_size=6), Attention(16, 2)
    window.load_state_dict(full.state_dict())
    x = torch.randn(2, 36, 16)
    torch.testing.assert_close(window(x, (6, 6)), full(x, (6, 6)))


def test_windows_see_only_themselves():
    attention = WindowAttention(16, 2, window_size=2)
    x = torch.randn(1, 16, 16)
    changed = x.clone()
    changed[:, 0] += 1  # upper left corner: rows 0-1, columns 0-1 of the 4 x 4 grid
    difference = (attention(changed, (4, 4)) - attention(x, (4, 4))).abs().sum(-1).view(4, 4)
    assert (difference[:2, :2] > 0).all()
    assert difference.sum() == difference[:2, :2].sum()


@pytest.mark.parametrize('grid', [(4, 4), (5, 7), (3, 9)])
def test_partition_then_unpartition_is_the_identity(grid):
    x = torch.randn(2, grid[0] * grid[1], 8)
    assert torch.equal(window_unpartition(window_partition(x, grid, 4), grid, 4), x)


def test_padded_tokens_pull_attention_as_in_the_release():
    """Padding is zero after the norm: its key is zero and its value the bias, so it changes the result."""
    attention = WindowAttention(16, 2, window_size=4)
    nn.init.normal_(attention.v_bias)
    x = torch.randn(1, 9, 16)
    padded = torch.zeros(1, 4, 4, 16)
    padded[:, :3, :3] = x.view(1, 3, 3, 16)
    expected = Attention.forward(attention, padded.flatten(1, 2), (4, 4)).view(1, 4, 4, 16)[:, :3, :3]
    torch.testing.assert_close(attention(x, (3, 3)), expected.reshape(1, 9, 16))


@pytest.mark.parametrize('qkv_bias', ['qv', 'full'])
def test_fp32_variant_equals_the_fused_one_in_fp32(qkv_bias):
    fused, plain = (Attention(32, 4, qkv_bias=qkv_bias, fp32=fp32).double() for fp32 in (False, True))
    nn.init.normal_(fused.qkv.weight)
    plain.load_state_dict(fused.state_dict())
    x = torch.randn(2, 5, 32, dtype=torch.float64)
    torch.testing.assert_close(fused(x, (5,)), plain(x, (5,)), rtol=1e-4, atol=1e-5)


def test_fp32_variant_computes_logits_in_fp32():
    """bf16 products of 88 channels round to steps of 8 at this size; fp32 logits do not."""
    q, k, v = (torch.randn(1, 2, 64, 88).bfloat16() * 4 for _ in range(3))
    exact = (q.double() * 88**-0.5) @ k.double().transpose(-2, -1)
    expected = exact.softmax(-1) @ v.double()
    out = attend_fp32(q, k, v, None)
    rounded = ((q * 88**-0.5) @ k.transpose(-2, -1)).softmax(-1) @ v
    assert out.dtype == torch.bfloat16
    assert (out - expected).abs().mean() < (rounded - expected).abs().mean()


def test_keys_have_no_bias():
    attention = Attention(16, 2)
    nn.init.normal_(attention.q_bias)
    nn.init.normal_(attention.v_bias)
    _, k, _ = attention._project(torch.zeros(1, 3, 16))
    assert k.abs().sum() == 0
    assert {name for name, _ in attention.named_parameters()} == {
        'q_bias', 'v_bias', 'qkv.weight', 'proj.weight', 'proj.bias'
    }  # fmt: skip


def test_errors_name_the_remedy():
    with pytest.raises(ValueError, match='embed_dims=30 cannot be split over num_heads=4'):
        Attention(30, 4)
    with pytest.raises(ValueError, match="expected 'qv' .* or 'full'"):
        Attention(32, 4, qkv_bias='kv')


class LoRA(nn.Module):
    """What an adapter does: a wrapper in the place of a linear layer, which is frozen."""

    def __init__(self, base, rank=2):
        super().__init__()
        self.base = base.requires_grad_(False)
        self.a, self.b = nn.Linear(base.in_features, rank, bias=False), nn.Linear(rank, base.out_features, bias=False)

    def forward(self, x):
        return self.base(x) + self.b(self.a(x))


@pytest.mark.parametrize('separate', [False, True])
@pytest.mark.parametrize('qkv_bias', ['none', 'qv', 'full'])
def test_every_adapter_gets_a_gradient(qkv_bias, separate):
    """A wrapper that attention goes past would train nothing, silently."""
    attention = Attention(16, 2, qkv_bias=qkv_bias, separate_qkv=separate)
    x = torch.randn(2, 4, 16)
    before = attention(x, (2, 2))
    adapted = [name for name, module in attention.named_children() if isinstance(module, nn.Linear)]
    assert adapted == (['q_proj', 'k_proj', 'v_proj', 'proj'] if separate else ['qkv', 'proj'])
    for name in adapted:
        setattr(attention, name, LoRA(getattr(attention, name)))
        nn.init.zeros_(getattr(attention, name).b.weight)
    torch.testing.assert_close(attention(x, (2, 2)), before)
    (attention(x, (2, 2)) * torch.randn(16)).sum().backward()
    for name in adapted:
        assert getattr(attention, name).b.weight.grad.abs().sum() > 0, name


def test_hooks_on_the_projection_are_called():
    attention, seen = Attention(16, 2), []
    expected = attention(torch.ones(1, 4, 16), (2, 2))
    attention.qkv.register_forward_hook(lambda module, args, out: seen.append(out.shape))
    torch.testing.assert_close(attention(torch.ones(1, 4, 16), (2, 2)), expected)
    assert seen == [(1, 4, 48)]


@pytest.mark.parametrize('qkv_bias', ['none', 'qv', 'full'])
def test_separate_projections_are_one_in_three(qkv_bias):
    packed, apart = (Attention(16, 2, qkv_bias=qkv_bias, separate_qkv=separate) for separate in (False, True))
    for parameter in packed.parameters():
        nn.init.normal_(parameter)
    weights = {name: value for name, value in packed.state_dict().items() if not name.startswith('qkv')}
    for kind in ('weight', 'bias') if qkv_bias == 'full' else ('weight',):
        for part, value in zip('qkv', getattr(packed.qkv, kind).chunk(3)):
            weights[f'{part}_proj.{kind}'] = value
    apart.load_state_dict(weights)
    x = torch.randn(2, 4, 16)
    torch.testing.assert_close(apart(x, (2, 2)), packed(x, (2, 2)), rtol=1e-4, atol=1e-5)


def test_what_was_attended_is_normalised_over_all_heads():
    plain, normed = Attention(16, 2), Attention(16, 2, norm=LayerNorm)
    normed.load_state_dict(plain.state_dict(), strict=False)
    plain.proj = nn.Identity()
    x = torch.randn(2, 4, 16)
    torch.testing.assert_close(normed(x, (2, 2)), normed.proj(normed.inner_attn_ln(plain(x, (2, 2)))))
