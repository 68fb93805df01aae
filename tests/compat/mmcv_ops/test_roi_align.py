import pytest
import torch
from mmcv.ops import roi_align
from torch.autograd import gradcheck

from eva_mm.compat.mmcv_ops import roi_align as module
from tests.helpers.parity import assert_near


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('aligned', [True, False])
@pytest.mark.parametrize('sampling_ratio', [0, 2])
def test_golden(golden, mode, aligned, sampling_ratio):
    output, weight, grad = golden[f'roi_align_{mode}_{aligned}_{sampling_ratio}']
    features = golden['feat'].clone().requires_grad_()
    result = roi_align(features, golden['rois'], (7, 5), 0.25, sampling_ratio, mode, aligned)
    assert_near(result, output, 1e-6)
    (result * weight).sum().backward()
    assert_near(features.grad, grad, 1e-6)


ROIS = torch.tensor([[0.0, 1.3, 0.4, 6.1, 7.7], [1, -2, 3, 4, 20], [1, 2, 2, 2.5, 9]], dtype=torch.double)


@pytest.mark.parametrize('mode', ['avg', 'max'])
@pytest.mark.parametrize('sampling_ratio', [0, 3])
def test_gradient(mode, sampling_ratio):
    features = torch.randn(2, 2, 5, 6, dtype=torch.double, requires_grad=True)
    assert gradcheck(lambda f: roi_align(f, ROIS, (2, 3), 0.5, sampling_ratio, mode, True), features)


def test_maximum_of_a_constant_is_the_average():
    features = torch.full((2, 3, 9, 9), 2.5)
    rois = torch.tensor([[0.0, 2, 2, 14, 14], [1, 4, 2, 9, 12]])
    for mode in ('avg', 'max'):
        torch.testing.assert_close(roi_align(features, rois, 4, 0.5, 2, mode), torch.full((2, 3, 4, 4), 2.5))


def test_maximum_in_parts_is_the_same(monkeypatch):
    features, rois = torch.randn(2, 4, 9, 9), torch.rand(12, 5) * 8
    rois[:, 0] = rois[:, 0].lt(4)
    rois[:, 3:] += rois[:, 1:3]
    whole = roi_align(features, rois, 3, 1.0, 0, 'max')
    monkeypatch.setattr(module, 'VALUES_AT_ONCE', 1)
    assert torch.equal(roi_align(features, rois, 3, 1.0, 0, 'max'), whole)


def test_half_precision_is_computed_in_full():
    features, rois = torch.randn(2, 4, 9, 9).half(), ROIS.half()
    for mode in ('avg', 'max'):
        expected = roi_align(features.float(), rois.float(), 3, 0.5, 2, mode).half()
        assert torch.equal(roi_align(features, rois, 3, 0.5, 2, mode), expected)


@pytest.mark.parametrize('mode', ['avg', 'max'])
def test_no_boxes(mode):
    features = torch.randn(1, 3, 4, 4, requires_grad=True)
    result = roi_align(features, torch.zeros(0, 5), 2, 1.0, 0, mode)
    assert result.shape == (0, 3, 2, 2)
    result.sum().backward()
    assert not features.grad.any()


def test_box_without_area_has_no_maximum():
    features = torch.randn(1, 3, 4, 4, requires_grad=True)
    result = roi_align(features, torch.tensor([[0.0, 1, 1, 1, 1]]), 2, 1.0, 0, 'max', True)
    assert torch.equal(result, torch.full((1, 3, 2, 2), -1e4))  # what the compiled CPU kernel gives
    result.sum().backward()
    assert not features.grad.any()
