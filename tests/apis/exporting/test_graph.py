import pytest
import torch
from torch import nn

from eva_mm.apis.exporting.graph import PoolByMatrices, tensors_of


@pytest.mark.parametrize('output', [1, 2, 3, 6, (3, 4)])
@pytest.mark.parametrize('size', [(6, 6), (7, 5), (12, 31)])
def test_pooling_by_matrices_is_adaptive_pooling(output, size):
    x = torch.randn(2, 3, *size)
    torch.testing.assert_close(PoolByMatrices(output)(x), nn.AdaptiveAvgPool2d(output)(x), rtol=1e-5, atol=1e-6)


def test_tensors_of_nested_outputs():
    a, b, c = torch.zeros(1), torch.ones(1), torch.ones(2)
    assert list(map(id, tensors_of([(a, None), {'x': b}, c]))) == list(map(id, (a, b, c)))
