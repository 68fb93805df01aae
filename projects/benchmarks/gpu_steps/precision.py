"""Precisions that a computation is run in, and how far it may be from fp32."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass

import torch
from torch import Tensor

# a tensor whose largest value is a smaller part than this of the group's is compared with the group
FLOOR = 1e-3


@dataclass(frozen=True)
class Precision:
    """How a case is run.

    Attributes:
        name: In the report.
        dtype: Of weights and inputs, or of autocast.
        autocast: Keep weights and inputs in fp32 and run under ``torch.autocast``.
        tf32: Let convolutions use TF32, as torch does unless told otherwise; needs CUDA.
        bound: Relative error that outputs and gradients may have.
    """

    name: str
    dtype: torch.dtype
    bound: float
    autocast: bool = False
    tf32: bool = False

    @property
    def stored(self) -> torch.dtype:
        """That of weights and inputs."""
        return torch.float32 if self.autocast else self.dtype

    @contextmanager
    def active(self, device: str) -> Iterator[None]:
        """Run what is inside in this precision."""
        before = torch.backends.cudnn.allow_tf32
        torch.backends.cudnn.allow_tf32 = self.tf32
        try:
            with torch.autocast(device, self.dtype) if self.autocast else nullcontext():
                yield
        finally:
            torch.backends.cudnn.allow_tf32 = before


# 2 ** -23, 2 ** -11, 2 ** -11 and 2 ** -8 are what single roundings leave; a wrong result is off by about 1
PRECISIONS = (
    Precision('fp32', torch.float32, 1e-4),
    Precision('TF32', torch.float32, 2e-2, tf32=True),
    Precision('fp16', torch.float16, 2e-2),
    Precision('bf16', torch.bfloat16, 0.1),
    Precision('autocast fp16', torch.float16, 2e-2, autocast=True),
    Precision('autocast bf16', torch.bfloat16, 0.1, autocast=True),
)


def precisions_of(device: str) -> tuple[Precision, ...]:
    """Those that differ on a device."""
    return tuple(precision for precision in PRECISIONS if device == 'cuda' or not precision.tf32)


def worst_error(found: Mapping[str, Tensor], expected: Mapping[str, Tensor]) -> tuple[float, str]:
    """Largest difference relative to the largest value, over tensors of the same names.

    Each tensor is measured by its own largest value, or by :data:`FLOOR` of the largest in all of them where that is
    more: a gradient that is 0 but for rounding is not compared with itself. Whole numbers and truth values count by the
    share that differs. Other shapes, and values that are not finite where expected ones are, are infinitely far.

    Returns:
        The error and the name of the tensor that has it; 0 and '' without tensors.
    """
    floats = [tensor for tensor in expected.values() if tensor.is_floating_point() and tensor.numel()]
    floor = FLOOR * max((tensor.abs().max().item() for tensor in floats), default=0.0)
    worst, where = 0.0, ''
    for name, reference in expected.items():
        error = _error(found[name], reference, floor)
        if error > worst:
            worst, where = error, name
    return worst, where


def _error(found: Tensor, expected: Tensor, floor: float) -> float:
    if found.shape != expected.shape:
        return float('inf')
    if not expected.numel():
        return 0.0
    if not expected.is_floating_point():
        return (found != expected).float().mean().item()
    difference = (found.double() - expected.double()).abs()
    if not difference.isfinite().all():
        return float('inf')
    scale = max(expected.abs().max().item(), floor)
    return difference.max().item() / scale if scale else difference.max().item()
