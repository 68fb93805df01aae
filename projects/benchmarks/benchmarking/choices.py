"""What a command line chooses from. Nothing here imports torch, so that ``--help`` is quick."""

from dataclasses import dataclass

MODES = ('forward', 'train')
CLOCKS = ('wall', 'cpu')
DTYPES = ('float32', 'bfloat16', 'float16')
OURS = 'eva_mm'
PEERS = ('plain', 'timm', 'open_clip', 'mmpretrain')


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
    def sizes(self) -> dict[str, int]:
        """The four numbers of the arch."""
        from eva_mm.models.backbones.arch_zoo import resolve_arch

        sizes = resolve_arch(self.arch)
        return sizes if self.depth is None else {**sizes, 'num_layers': self.depth}

    @property
    def peers(self) -> tuple[str, ...]:
        """Those of ``PEERS`` that have such a model."""
        if self.window_size or self.config:
            # the libraries know neither windows nor relative positions, and of a config nothing can be known
            return ('plain',)
        return tuple(name for name in PEERS if name != 'open_clip' or self.arch == 'giant')
