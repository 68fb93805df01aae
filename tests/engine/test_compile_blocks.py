import copy

import pytest
import torch
from torch import nn

from eva_mm.engine.compile_blocks_hook import compile_blocks
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
