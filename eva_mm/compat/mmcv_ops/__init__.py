"""The kernels behind ``mmcv.ops`` where mmcv has no compiled ones: torchvision's ops and plain torch, CPU and CUDA.

mmcv's Python code allocates the outputs, calls a kernel of ``mmcv._ext`` to fill them, and does the rest itself. The
functions here have the names, arguments and effects of those kernels (mmcv 2.0 and 2.1, the versions that mmdet, mmseg
and mmaction2 accept). Buffers that only the compiled kernels need are taken and ignored. Arithmetic is float32, or
float64 where the tensors are; half precision is widened and rounded back.
"""

from collections.abc import Callable
from typing import Any, NoReturn

from .carafe import carafe_backward, carafe_forward, carafe_naive_backward, carafe_naive_forward
from .deform_attention import ms_deform_attn_backward, ms_deform_attn_forward
from .deform_conv import (
    deform_conv_backward_input,
    deform_conv_backward_parameters,
    deform_conv_forward,
    modulated_deform_conv_backward,
    modulated_deform_conv_forward,
)
from .focal_loss import (
    sigmoid_focal_loss_backward,
    sigmoid_focal_loss_forward,
    softmax_focal_loss_backward,
    softmax_focal_loss_forward,
)
from .masked_conv import masked_col2im_forward, masked_im2col_forward
from .nms import nms, nms_match
from .overlaps import bbox_overlaps
from .roi_align import roi_align_backward, roi_align_forward
from .roi_pool import roi_pool_backward, roi_pool_forward
from .soft_nms import softnms

__all__ = [
    'bbox_overlaps',
    'carafe_backward',
    'carafe_forward',
    'carafe_naive_backward',
    'carafe_naive_forward',
    'deform_conv_backward_input',
    'deform_conv_backward_parameters',
    'deform_conv_forward',
    'get_compiler_version',
    'get_compiling_cuda_version',
    'masked_col2im_forward',
    'masked_im2col_forward',
    'modulated_deform_conv_backward',
    'modulated_deform_conv_forward',
    'ms_deform_attn_backward',
    'ms_deform_attn_forward',
    'nms',
    'nms_match',
    'roi_align_backward',
    'roi_align_forward',
    'roi_pool_backward',
    'roi_pool_forward',
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softmax_focal_loss_backward',
    'softmax_focal_loss_forward',
    'softnms',
]


def get_compiler_version() -> str:
    """What mmcv reports as the compiler of its kernels."""
    return 'none, mmcv.ops runs on eva_mm.compat'


def get_compiling_cuda_version() -> str:
    """What mmcv reports as the CUDA version of its kernels."""
    return 'none, mmcv.ops runs on eva_mm.compat'


def missing_kernel(name: str) -> Callable[..., Any]:
    """A function in place of the kernel ``name``, which raises ``NotImplementedError`` when called."""

    def kernel(*args: Any, **kwargs: Any) -> NoReturn:
        raise NotImplementedError(
            f'The mmcv op {name} needs the compiled mmcv, and eva_mm.compat has no replacement for it: '
            'run `pip install mmcv==2.1.0`.'
        )

    return kernel
