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


BORDER_CASES = [
    'modulated_zero', 'modulated_0', 'modulated_1', 'modulated_2', 'modulated_larger_map',
    'plain_zero', 'plain_0', 'plain_1', 'plain_2',
]  # fmt: skip


@pytest.mark.parametrize('name', BORDER_CASES)
def test_borders_and_larger_maps_are_those_of_mmcv(reference, name):
    """Samples on whole and half pixels; also the first step of every layer whose offsets start at zero."""
    case = reference('mmcv_deform_border.pt')['cases'][name]
    inputs = leaves(*case['inputs'])
    operator = modulated_deform_conv2d if name.startswith('modulated') else deform_conv2d
    output = operator(*inputs, *case['options'])
    assert_near(output, case['output'])
    grads = torch.autograd.grad(output, inputs, case['grad_output'])
    for actual, expected in zip(grads, case['grads'], strict=True):
        assert_near(actual, expected)


def test_maps_smaller_than_the_output_are_refused():
    """mmcv's kernel would read beyond them."""
    features, weight, bias = torch.randn(1, 2, 6, 6), torch.randn(2, 2, 3, 3), torch.zeros(2)
    with pytest.raises(RuntimeError, match='offset output dims'):
        modulated_deform_conv2d(features, torch.zeros(1, 18, 5, 6), torch.zeros(1, 9, 5, 6), weight, bias, 1, 1)


def test_dyhead_reads_offsets_of_a_finer_level():
    """mmdet's DyHead gives the offsets of one level to the convolution of the next coarser one."""
    DyHead = pytest.importorskip('mmdet.models.necks').DyHead
    neck = DyHead(16, 16, num_blocks=2, zero_init_offset=False)
    maps = [torch.randn(2, 16, side, side * 3 // 2).requires_grad_() for side in (16, 8, 4)]
    outs = neck(maps)
    assert [out.shape for out in outs] == [each.shape for each in maps]
    sum(out.square().mean() for out in outs).backward()
    assert all(each.grad.isfinite().all() and each.grad.abs().sum() > 0 for each in maps)
