"""mmcv: the memory of deformable attention where its CUDA kernel is missing, and of images."""

from __future__ import annotations

from types import ModuleType
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from torch import Tensor

__all__ = ['bound_attention_memory', 'bound_images']


def bound_attention_memory(attention: ModuleType) -> None:
    """Let ``MultiScaleDeformableAttention`` use one plain-torch kernel on the CPU and on CUDA.

    Defect: on the CPU mmcv (2.0 and 2.1) holds every sampled value until the backward pass, 12 times the output for
    3 levels and 4 points. Compiled mmcv is left as it is. Gone when ``multi_scale_deformable_attn_pytorch`` takes
    queries in parts.
    """
    kernel = attention.ext_module.ms_deform_attn_forward
    if not str(kernel.__module__).startswith('eva_mm.'):
        return
    from .mmcv_ops.deform_attention import multi_scale_deformable_attention

    elsewhere = attention.multi_scale_deformable_attn_pytorch

    def attend(
        value: Tensor, value_spatial_shapes: Tensor, sampling_locations: Tensor, attention_weights: Tensor
    ) -> Tensor:
        kernel = multi_scale_deformable_attention if value.device.type in ('cpu', 'cuda') else elsewhere
        return kernel(value, value_spatial_shapes, sampling_locations, attention_weights)

    attention.multi_scale_deformable_attn_pytorch = attend


def bound_images(io: ModuleType) -> None:
    """Look at the header of an image before any backend decodes it.

    Defect: mmcv (2.0 and 2.1) decodes whatever it is given: OpenCV takes images of 2^30 pixels and of any ratio of
    their sides, and with ``imdecode_backend='pillow'`` an EPS under another name starts Ghostscript.
    Gone when ``mmcv.imfrombytes`` refuses both.
    """
    from eva_mm.safe_io.images import check_image

    decode = io.imfrombytes

    def imfrombytes(content: Any, *args: Any, **kwargs: Any) -> Any:
        check_image(content if isinstance(content, bytes) else bytes(content))
        return decode(content, *args, **kwargs)

    imfrombytes.__doc__ = decode.__doc__
    io.imfrombytes = imfrombytes
