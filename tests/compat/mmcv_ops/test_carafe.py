import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import CARAFEPack, carafe, carafe_naive
from torch.autograd import gradcheck


def by_unfold(features, masks, kernel, groups, scale):
    n, c, h, w = features.shape
    windows = F.unfold(features, kernel, padding=kernel // 2).view(n, c * kernel**2, h, w)
    windows = F.interpolate(windows, scale_factor=scale).view(n, groups, c // groups, kernel**2, h * scale, w * scale)
    kernels = masks.view(n, groups, 1, kernel**2, h * scale, w * scale)
    return (windows * kernels).sum(3).flatten(1, 2)


@pytest.mark.parametrize('kernel, groups, scale', [(3, 1, 2), (5, 2, 2), (1, 2, 3), (3, 2, 1)])
def test_forward(kernel, groups, scale):
    features = torch.randn(2, 4, 5, 6, dtype=torch.double)
    masks = torch.randn(2, groups * kernel**2, 5 * scale, 6 * scale, dtype=torch.double)
    expected = by_unfold(features, masks, kernel, groups, scale)
    torch.testing.assert_close(carafe(features, masks, kernel, groups, scale), expected)
    torch.testing.assert_close(carafe_naive(features, masks, kernel, groups, scale), expected)


def test_gradient():
    features = torch.randn(2, 4, 3, 2, dtype=torch.double, requires_grad=True)
    masks = torch.randn(2, 18, 6, 4, dtype=torch.double, requires_grad=True)
    assert gradcheck(lambda f, m: carafe(f, m, 3, 2, 2), (features, masks), fast_mode=True)


def test_module_trains():
    layer = CARAFEPack(channels=4, scale_factor=2, compressed_channels=4)
    layer(torch.randn(1, 4, 5, 5)).square().sum().backward()
    assert all(parameter.grad.isfinite().all() for parameter in layer.parameters())
