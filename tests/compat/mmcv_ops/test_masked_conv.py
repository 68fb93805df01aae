import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import MaskedConv2d, masked_conv2d


@pytest.mark.parametrize('kernel, padding', [((3, 3), 1), ((1, 3), (0, 1)), ((3, 3), 0)])
def test_equals_convolution_where_the_mask_is_set(kernel, padding):
    features = torch.randn(1, 4, 9, 7, dtype=torch.double)
    weight, bias = torch.randn(6, 4, *kernel, dtype=torch.double), torch.randn(6, dtype=torch.double)
    whole = F.conv2d(features, weight, bias, padding=padding)
    mask = torch.zeros(1, 9, 7)
    mask[:, : whole.size(2), : whole.size(3)] = torch.rand(1, *whole.shape[2:]) > 0.5
    expected = whole * mask[:, None, : whole.size(2), : whole.size(3)]
    torch.testing.assert_close(masked_conv2d(features, mask, weight, bias, padding), expected)


def test_module_and_empty_mask():
    layer = MaskedConv2d(2, 3, 3, padding=1)
    features = torch.randn(1, 2, 5, 5)
    torch.testing.assert_close(layer(features, torch.ones(1, 5, 5)), layer(features))
    assert not layer(features, torch.zeros(1, 5, 5)).any()


@pytest.mark.parametrize('dtype', [torch.float16, torch.bfloat16])
def test_under_autocast_the_result_is_that_of_fp32_but_for_rounding(dtype):
    layer, features = MaskedConv2d(4, 3, 3, padding=1), torch.randn(1, 4, 5, 5)
    with torch.autocast('cpu', dtype):
        found = layer(features, torch.ones(1, 5, 5))
    torch.testing.assert_close(found.float(), layer(features, torch.ones(1, 5, 5)), rtol=0.05, atol=0.05)
