"""The precision in which the kernels compute."""

import torch
from torch import Tensor

__all__ = ['widen']


def widen(tensor: Tensor) -> Tensor:
    """The tensor itself in float32 or float64, and in float32 otherwise."""
    return tensor if tensor.dtype in (torch.float32, torch.float64) else tensor.float()
