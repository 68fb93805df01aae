"""A feature pyramid from the single map of a plain ViT (arXiv 2203.16527)."""

from collections.abc import Sequence

from mmengine.model import BaseModule
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers import LayerNorm2d
from eva_mm.registry import MODELS

# `norm_cfg=dict(type='eva_mm.LN2d', eps=1e-6)` in the heads of a host
MODELS.register_module(name='LN2d', module=LayerNorm2d)


class ConvNorm(nn.Conv2d):
    """Convolution without bias, then channel-first LayerNorm; the side is kept."""

    def __init__(self, in_channels: int, out_channels: int, kernel_size: int) -> None:
        super().__init__(in_channels, out_channels, kernel_size, padding=kernel_size // 2, bias=False)
        self.norm = LayerNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, C_in, H, W) to (B, C_out, H, W)."""
        return self.norm(super().forward(x))


@MODELS.register_module()
class SimpleFeaturePyramid(BaseModule):
    """Maps of 1/4, 1/8, 1/16, 1/32 and 1/64 of the image from one of 1/16, each made from that map alone.

    Args:
        in_channels: Channels C of the backbone's map.
        out_channels: Channels of each map returned.
        init_cfg: mmengine's.
    """

    def __init__(self, in_channels: int, out_channels: int = 256, init_cfg: dict | None = None) -> None:
        super().__init__(init_cfg)
        half, quarter = in_channels // 2, in_channels // 4
        self.simfp_2 = nn.Sequential(
            nn.ConvTranspose2d(in_channels, half, 2, stride=2),
            LayerNorm2d(half),
            nn.GELU(),
            nn.ConvTranspose2d(half, quarter, 2, stride=2),
            *self._output(quarter, out_channels),
        )
        self.simfp_3 = nn.Sequential(
            nn.ConvTranspose2d(in_channels, half, 2, stride=2), *self._output(half, out_channels)
        )
        self.simfp_4 = nn.Sequential(*self._output(in_channels, out_channels))
        self.simfp_5 = nn.Sequential(nn.MaxPool2d(2), *self._output(in_channels, out_channels))

    @staticmethod
    def _output(in_channels: int, out_channels: int) -> tuple[ConvNorm, ConvNorm]:
        return ConvNorm(in_channels, out_channels, 1), ConvNorm(out_channels, out_channels, 3)

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One map (B, C, H, W) in a sequence to five maps, the first of side 4H, the last of side H/4 rounded up."""
        (x,) = inputs
        maps = [stage(x) for stage in (self.simfp_2, self.simfp_3, self.simfp_4, self.simfp_5)]
        return (*maps, F.max_pool2d(maps[-1], kernel_size=1, stride=2))
