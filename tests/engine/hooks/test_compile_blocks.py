import copy

import pytest
import torch
from torch import nn
from torch._dynamo.utils import counters

from eva_mm.engine.hooks.compile_blocks_hook import compile_blocks
from eva_mm.layers import Attention, Block, Mlp
from eva_mm.models.backbones import EVAMAEViT, EVAPretrainViT, EVAViTDet

TINY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=24)


@pytest.fixture(autouse=True)
def _nothing_compiled_before():
    torch.compiler.reset()


def gradients(model, *inputs):
    out = model(*inputs)
    out[0].square().sum().backward()
    return {name: p.grad for name, p in model.named_parameters() if p.grad is not None}


@pytest.mark.parametrize('with_cp', [False, True, 'selective'])
def test_student_trains_as_before(with_cp):
    model = EVAPretrainViT(arch=TINY, img_size=28, with_cp=with_cp)
    model.init_weights()
    compiled = copy.deepcopy(model)
    assert compile_blocks(compiled, backend='aot_eager') == 2
    assert list(compiled.state_dict()) == list(model.state_dict())
    images, mask = torch.randn(2, 3, 28, 28), torch.tensor([[True, False, False, True]] * 2)
    expected, found = gradients(model, images, mask), gradients(compiled, images, mask)
    assert expected.keys() == found.keys()
    for name in expected:
        torch.testing.assert_close(found[name], expected[name], rtol=1e-4, atol=1e-5, msg=name)


@pytest.mark.parametrize('with_cp', [False, 'selective'])
def test_stochastic_depth_is_not_compiled_in(with_cp):
    """Ten rates in ten blocks are two graphs, not ten, of which torch would leave two uncompiled."""
    arch = dict(TINY, num_layers=10)
    model = EVAPretrainViT(arch=arch, img_size=28, drop_path_rate=0.5, with_cp=with_cp).train()
    compile_blocks(model, backend='aot_eager')
    counters.clear()
    gradients(model, torch.randn(4, 3, 28, 28), torch.tensor([[True, False, False, True]] * 4))
    assert counters['stats']['unique_graphs'] == counters['frames']['total'] == 2


@pytest.mark.parametrize('with_cp', [False, True, 'selective'])
def test_the_backward_pass_drops_what_the_forward_pass_dropped(with_cp):
    block = Block(16, Attention(16, 2), Mlp(16, 24), drop_path=0.5, with_cp=with_cp).train()
    block.compile(backend='aot_eager')
    x = torch.randn(200, 5, 16, requires_grad=True)
    out = block(x, (2, 2))
    (gradient,) = torch.autograd.grad(out.sum(), x)
    unchanged = (out == x).flatten(1).all(1)
    assert 0.15 < unchanged.float().mean() < 0.35
    assert torch.equal(unchanged, (gradient == 1).flatten(1).all(1))


@torch.no_grad()
def test_relative_positions_are_compiled_too():
    model = EVAViTDet(TINY, img_size=32, window_size=2, rel_pos_img_size=64, global_attn_indexes=(1,)).eval()
    image = torch.randn(1, 3, 64, 48)
    (expected,) = model(image)
    compile_blocks(model, backend='aot_eager')
    torch.testing.assert_close(model(image)[0], expected, rtol=1e-5, atol=1e-5)


def test_decoder_blocks_are_counted():
    assert compile_blocks(EVAMAEViT(arch=TINY, decoder_arch=TINY, img_size=28), backend='eager') == 4


def test_nothing_to_compile():
    with pytest.raises(ValueError, match='Linear has no transformer blocks'):
        compile_blocks(nn.Linear(2, 2))
