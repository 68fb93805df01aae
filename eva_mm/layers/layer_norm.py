"""Layer normalisation that always computes in fp32, over the last or the second dimension."""

from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

# channels to a built normalisation
Norm = Callable[[int], nn.Module]


class LayerNorm(nn.LayerNorm):
    """``nn.LayerNorm`` with fp32 statistics and an output of the input's dtype.

    Some releases force fp32, others use the plain layer. torch's half-precision kernels accumulate in fp32 already: a
    cast is needed only when input and parameters differ in dtype.
    """

    def __init__(self, normalized_shape: int, eps: float = 1e-6) -> None:
        super().__init__(normalized_shape, eps=eps)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        # there is no autocast on the meta device, and asking for it is an error
        if x.dtype == self.weight.dtype and (x.is_meta or not torch.is_autocast_enabled(x.device.type)):
            return F.layer_norm(x, self.normalized_shape, self.weight, self.bias, self.eps)
        weight, bias = self.weight.float(), self.bias.float()
        return F.layer_norm(x.float(), self.normalized_shape, weight, bias, self.eps).type_as(x)


class LayerNorm2d(LayerNorm):
    """:class:`LayerNorm` over the channels of a map, at each position on its own."""

    # what mmcv calls the norm inside its conv modules
    _abbr_ = 'ln'

    def forward(self, x: Tensor) -> Tensor:
        """(B, C, H, W) to (B, C, H, W)."""
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)
