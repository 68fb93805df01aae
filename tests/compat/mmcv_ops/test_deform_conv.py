import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import DeformConv2dPack, ModulatedDeformConv2dPack, deform_conv2d, modulated_deform_conv2d
from torch.autograd import gradcheck

from tests.helpers.parity import assert_near


def leaves(*tensors):
    return [tensor.clone().requires_grad_() for tensor in tensors]


def test_golden(golden):
    case = golden['deform_conv']
    inputs = leaves(case['inp'], case['off'], case['wt'])
    output = deform_conv2d(*inputs, 1, 1, 1, 2, 2)
    assert_near(output, case['y'])
    for actual, expected in zip(torch.autograd.grad(output, inputs, case['w']), case['g'], strict=True):
        assert_near(actual, expected)


def test_golden_modulated(golden):
    plain, case = golden['deform_conv'], golden['modulated_deform_conv']
    inputs = leaves(plain['inp'], plain['off'], case['msk'], plain['wt'], case['bias'])
    output = modulated_deform_conv2d(*inputs, 1, 1, 1, 2, 2)
    assert_near(output, case['y'])
    for actual, expected in zip(torch.autograd.grad(output, inputs, case['w']), case['g'], strict=True):
        assert_near(actual, expected)


@pytest.mark.parametrize('groups', [1, 2])
def test_without_offset_it_is_convolution(groups):
    features, weight = torch.randn(3, 4, 9, 7).double(), torch.randn(6, 4 // groups, 3, 2).double()
    bias = torch.randn(6).double()
    options = (2, 1), (1, 2), (2, 1)
    expected = F.conv2d(features, weight, None, *options, groups)
    offset = features.new_zeros(3, 2 * 2 * 6, *expected.shape[2:])
    torch.testing.assert_close(deform_conv2d(features, offset, weight, *options, groups, 2), expected)
    mask = features.new_full((3, 2 * 6, *expected.shape[2:]), 0.5)
    torch.testing.assert_close(
        modulated_deform_conv2d(features, offset, mask, weight, bias, *options, groups, 2),
        expected / 2 + bias[:, None, None],
    )


def test_gradients():
    features, weight = torch.randn(2, 2, 4, 3).double(), torch.randn(2, 1, 2, 2).double()
    offset, mask = torch.randn(2, 16, 3, 2).double() * 0.7, torch.rand(2, 8, 3, 2).double()
    inputs = leaves(features, offset, weight)
    assert gradcheck(lambda x, o, w: deform_conv2d(x, o, w, 1, 0, 1, 2, 2), inputs)
    inputs = leaves(features, offset, mask, weight, torch.randn(2).double())
    assert gradcheck(lambda *args: modulated_deform_conv2d(*args, 1, 0, 1, 2, 2), inputs)


@pytest.mark.parametrize('layer', [DeformConv2dPack, ModulatedDeformConv2dPack])
def test_modules_train(layer):
    module = layer(4, 6, 3, padding=1)
    module(torch.randn(2, 4, 8, 8)).square().mean().backward()
    assert all(parameter.grad is not None for parameter in module.parameters())
