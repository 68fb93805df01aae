"""What a command line chooses from. Nothing here imports torch, so that ``--help`` is quick."""

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from eva_mm.models.backbones.arch_zoo import Arch

MODES = ('forward', 'train')
CLOCKS = ('wall', 'cpu')
DTYPES = ('float32', 'bfloat16', 'float16')
OURS = 'eva_mm'
PEERS = ('plain', 'timm', 'open_clip', 'mmpretrain')
# timm's names of other families than EVA
TIMM = {
    'eva02-base': 'eva02_base_patch14_448',
    'eva02-large': 'eva02_large_patch14_448',
    'dinov2-large': 'vit_large_patch14_dinov2',
    'dinov3-base': 'vit_base_patch16_dinov3_qkvb',
    'dinov3-large': 'vit_large_patch16_dinov3_qkvb',
    'clip-large': 'vit_large_patch14_clip_quickgelu_224',
}


@dataclass(frozen=True)
class Shape:
    """Sizes that contenders share.

    Args:
        arch: Name of ``ARCH_ZOO``.
        depth: Blocks; ``None`` keeps those of the arch.
        img_size: Side of the image in pixels.
        window_size: Side of an attention window in tokens, 0 for the plain image backbone; otherwise the detection
            backbone is meant, with patch 16 and relative positions.
        config: Config file whose backbone is meant instead of that of an arch.
        frames: Of a clip, 0 for images.
    """

    arch: str = 'giant'
    depth: int | None = None
    img_size: int = 224
    window_size: int = 0
    config: str | None = None
    frames: int = 0

    @property
    def input_size(self) -> tuple[int, ...]:
        """(3, H, W), or (3, T, H, W) of a clip."""
        return (3, *([self.frames] if self.frames else []), self.img_size, self.img_size)

    @property
    def sizes(self) -> 'Arch':
        """The row of the arch, with the depth asked for."""
        from eva_mm.models.backbones.arch_zoo import resolve_arch

        return resolve_arch(self.arch, **({} if self.depth is None else {'num_layers': self.depth}))

    @property
    def peers(self) -> tuple[str, ...]:
        """Those of ``PEERS`` that have such a model."""
        if self.window_size or self.config:
            # the libraries know neither windows nor relative positions, and of a config nothing can be known
            return ('plain',)
        if '-' in self.arch:
            # other families than EVA
            return ('plain', 'timm') if self.arch in TIMM else ('plain',)
        return tuple(name for name in PEERS if name != 'open_clip' or self.arch == 'giant')
