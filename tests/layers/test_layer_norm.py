import torch
from torch.nn import functional as F

from eva_mm.layers import LayerNorm


def test_keeps_the_dtype_of_the_input():
    norm = LayerNorm(8)
    x = torch.randn(4, 8).bfloat16()
    expected = F.layer_norm(x.float(), (8,), norm.weight, norm.bias, 1e-6).bfloat16()
    assert torch.equal(norm(x), expected)


def test_half_parameters_equal_the_explicit_fp32_form():
    norm = LayerNorm(64).bfloat16()
    torch.nn.init.normal_(norm.weight)
    x = torch.randn(16, 64).bfloat16()
    expected = F.layer_norm(x.float(), (64,), norm.weight.float(), norm.bias.float(), 1e-6).bfloat16()
    torch.testing.assert_close(norm(x), expected)


def test_autocast_does_not_change_the_dtype_of_the_residual_stream():
    with torch.autocast('cpu', dtype=torch.bfloat16):
        assert LayerNorm(8)(torch.randn(2, 8).bfloat16()).dtype == torch.bfloat16


def test_takes_tensors_without_storage():
    """For counting operations and memory of a model that is not built."""
    norm = LayerNorm(8).to('meta')
    assert norm(torch.empty(2, 3, 8, device='meta')).shape == (2, 3, 8)
