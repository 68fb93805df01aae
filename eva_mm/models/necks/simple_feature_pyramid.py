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
    """Maps of several strides from one of stride 16, each made from that map alone.

    Args:
        in_channels: Channels C of the backbone's map.
        out_channels: Channels of each map returned.
        levels: Which maps are returned: level n has stride 2 ** n. The released detectors have 2 to 6, heads that want
            five from stride 8 on, such as RetinaNet's and ATSS's, 3 to 7. Level 6 is every second position of level 5,
            and 7 of 6.
        init_cfg: mmengine's.

    Raises:
        ValueError: A level is not one of 2 to 7, 6 comes without 5 or 7 without 6; or, when called, several maps.
    """

    def __init__(
        self,
        in_channels: int,
        out_channels: int = 256,
        levels: Sequence[int] = (2, 3, 4, 5, 6),
        init_cfg: dict | None = None,
    ) -> None:
        super().__init__(init_cfg)
        self.levels = tuple(sorted(levels))
        if not set(self.levels) <= set(range(2, 8)) or not {each - 1 for each in self.levels if each > 5} <= {*levels}:
            raise ValueError(f'levels={self.levels} must be some of 2 to 7, where 6 needs 5 and 7 needs 6.')
        for level in self.levels:
            if level < 6:
                self.add_module(f'simfp_{level}', self._stage(level, in_channels, out_channels))

    @staticmethod
    def _stage(level: int, in_channels: int, out_channels: int) -> nn.Sequential:
        layers: list[nn.Module] = []
        channels = in_channels
        if level == 2:
            channels = in_channels // 2
            layers = [nn.ConvTranspose2d(in_channels, channels, 2, stride=2), LayerNorm2d(channels), nn.GELU()]
        if level < 4:
            layers.append(nn.ConvTranspose2d(channels, channels // 2, 2, stride=2))
            channels //= 2
        if level == 5:
            layers.append(nn.MaxPool2d(2))
        return nn.Sequential(*layers, ConvNorm(channels, out_channels, 1), ConvNorm(out_channels, out_channels, 3))

    def forward(self, inputs: Sequence[Tensor]) -> tuple[Tensor, ...]:
        """One map (B, C, H, W) of stride 16 in a sequence to one map for each of ``levels``, the largest first."""
        if len(inputs) != 1:
            name = type(self).__name__
            raise ValueError(f'{name} takes one map, got {len(inputs)}: give the backbone one out_indices.')
        (x,) = inputs
        maps = [getattr(self, f'simfp_{level}')(x) for level in self.levels if level < 6]
        for _ in range(len(self.levels) - len(maps)):
            maps.append(F.max_pool2d(maps[-1], kernel_size=1, stride=2))
        return tuple(maps)
