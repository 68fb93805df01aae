import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eva_mm.layers import LayerNorm
from eva_mm.layers.mlp import ACTIVATIONS, Mlp, SwiGLU, build_mlp

DEFINITIONS = {
    'gelu': F.gelu,
    'gelu_tanh': lambda x: 0.5 * x * (1 + torch.tanh((2 / torch.pi) ** 0.5 * (x + 0.044715 * x**3))),
    'quick_gelu': lambda x: x / (1 + torch.exp(-1.702 * x)),
}
GATED = {'swiglu': None, 'swiglu_packed': None, 'swiglu with norm': LayerNorm}


def made(kind):
    return build_mlp(kind.split()[0], 16, 24, 0.0, GATED.get(kind))


@pytest.mark.parametrize('act', ACTIVATIONS)
def test_activations_are_those_of_the_definition(act):
    mlp, x = Mlp(16, 24, act=act), torch.randn(2, 5, 16)
    torch.testing.assert_close(mlp(x), mlp.fc2(DEFINITIONS[act](mlp.fc1(x))), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', GATED)
def test_the_gate_comes_first(kind):
    mlp, x = made(kind), torch.randn(2, 5, 16)
    gate, value = mlp.w12(x).split(24, dim=-1) if 'packed' in kind else (mlp.w1(x), mlp.w2(x))
    hidden = gate * torch.sigmoid(gate) * value
    if 'norm' in kind:
        nn.init.normal_(mlp.ffn_ln.weight)
        hidden = F.layer_norm(hidden, (24,), mlp.ffn_ln.weight, mlp.ffn_ln.bias, 1e-6)
    torch.testing.assert_close(mlp(x), mlp.w3(hidden), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize('kind', [*ACTIVATIONS, *GATED])
def test_without_gradient_the_result_is_the_same_and_the_input_stays(kind):
    mlp, x = made(kind), torch.randn(2, 5, 16)
    before, expected = x.clone(), mlp(x)
    with torch.no_grad():
        assert torch.equal(mlp(x), expected)
    assert torch.equal(x, before)


@pytest.mark.parametrize('kind', [*ACTIVATIONS, *GATED])
def test_hooks_see_what_layers_gave(kind):
    """Activations overwrite their input only where nobody else looks at it."""
    mlp, x, seen = made(kind), torch.randn(2, 5, 16), {}
    layers = {name: layer for name, layer in mlp.named_children() if name in ('fc1', 'w1', 'w2', 'w12')}
    expected = {name: layer(x) for name, layer in layers.items()}
    for name, layer in layers.items():
        layer.register_forward_hook(lambda module, args, out, name=name: seen.update({name: out}))
    with torch.no_grad():
        mlp(x)
    assert seen.keys() == layers.keys()
    for name, value in expected.items():
        assert torch.equal(seen[name], value), name


def test_a_packed_net_is_two_layers_in_one():
    packed, apart = SwiGLU(16, 24, packed=True), SwiGLU(16, 24)
    for kind in ('weight', 'bias'):
        whole = torch.cat([getattr(getattr(apart, layer), kind).data for layer in ('w1', 'w2')])
        getattr(packed.w12, kind).data.copy_(whole)
    packed.w3.load_state_dict(apart.w3.state_dict())
    x = torch.randn(3, 16)
    torch.testing.assert_close(packed(x), apart(x))


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match="mlp='relu' is unknown: choose from gelu, gelu_tanh, quick_gelu, swiglu"):
        build_mlp('relu', 8, 8)
    with pytest.raises(ValueError, match="mlp='gelu' has no gated values that mlp_norm could normalise"):
        build_mlp('gelu', 8, 8, norm=LayerNorm)
