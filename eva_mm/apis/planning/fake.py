"""Models and tensors that have shapes and no data: a billion parameters cost no memory and no arithmetic."""

from collections.abc import Iterator
from contextlib import contextmanager
from unittest import mock

import torch
from mmengine.config import Config
from mmengine.registry import MODELS, DefaultScope
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode

# Shapes of feature maps travel as small integer tensors in deformable attention; fake tensors of at most this many
# numbers keep their values. torch keeps one.
_KNOWN_NUMBERS = 256


def _shape_as_tensor(tensor: Tensor) -> Tensor:
    return torch.tensor(tensor.shape)


def _attend_fused(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """:func:`eva_mm.layers.attention.attend_fused` by CUDA's memory-efficient kernel; faking it needs no CUDA."""
    kernel = torch.ops.aten._scaled_dot_product_efficient_attention
    return kernel(q, k, v, bias, True, scale=v.shape[-1] ** -0.5)[0]


@contextmanager
def fake_tensors() -> Iterator[FakeTensorMode]:
    """Inside, tensors have a shape, a dtype and a device, but no data.

    EVA's attention runs CUDA's kernel on every device: a fake GPU without a GPU would fall back to whole matrices, and
    the chunks of a CPU in fp32 are a Python loop.
    """
    with (
        mock.patch('torch._subclasses.fake_tensor.CONSTANT_NUMEL_LIMIT', _KNOWN_NUMBERS),
        mock.patch('torch._shape_as_tensor', _shape_as_tensor),
        mock.patch('eva_mm.layers.attention._chunks_pay', lambda q: False),
        mock.patch('eva_mm.layers.attention.attend_fused', _attend_fused),
        FakeTensorMode(allow_non_fake_inputs=True) as mode,
    ):
        yield mode


def build_without_data(cfg: Config) -> nn.Module:
    """Build the model of a config on the meta device.

    ``to_empty`` inside :func:`fake_tensors` makes it runnable.

    Args:
        cfg: A whole config; ``default_scope`` is that of its host.
    """
    model = cfg.model.copy()
    # neither has parameters, and mixing samples draws from a distribution that the meta device lacks
    model.pop('data_preprocessor', None)
    with DefaultScope.overwrite_default_scope(cfg.get('default_scope')), torch.device('meta'):
        return MODELS.build(model)
