"""EVA on clips: tubelets instead of patches, otherwise the trunk."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from eva_mm.models.backbones.arch_zoo import Arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAViTVideo(EVAViT):
    """:class:`EVAViT` whose tokens are the tubelets of a clip and attend jointly over space and time.

    Tokens in front are those of the image, there is no factorisation and no separate embedding of time: ``pos_embed``
    has a row for every place in the (T, H, W) grid. An image checkpoint gives every frame the same rows, a clip
    checkpoint of another length is resized trilinearly (source: ``video/models`` of the EVA-01 release). Rotary
    positions turn with the place in the frame alone: a family without ``pos_embed`` sees frames as a set, unless the
    entry ``pos_embed='bicubic'`` gives it a table.

    Args:
        arch, kwargs: As for :class:`EVAViT`; ``out_type`` is ``'avg_featmap'``, which pools over space and time.
        num_frames: Frames of the grid of ``pos_embed``. Clips of another length are taken: positions are resized.
        img_size: Height and width of the frames, in pixels.
        tubelet_size: Frames in one token; ``num_frames`` must be divisible by it. The release has 1.
    """

    checkpoint_task = 'video'

    def __init__(
        self,
        arch: str | Mapping[str, Any] | Arch = 'giant',
        num_frames: int = 16,
        img_size: int | Sequence[int] = 224,
        tubelet_size: int = 1,
        **kwargs: Any,
    ) -> None:
        # what the tubelet embedding is built from
        self.tubelet_size = tubelet_size
        sides = (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)
        super().__init__(arch, (num_frames, *sides), **{'out_type': 'avg_featmap', **kwargs})

    def _build_patch_embed(self, in_channels: int, patch_size: tuple[int, ...], **options: Any) -> nn.Module:
        return super()._build_patch_embed(in_channels, (self.tubelet_size, *patch_size), **options)

    def forward(self, clips: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Clips (B, 3, T, H, W) to their read-out, as mmaction2's heads take it; of several blocks a tuple."""
        outs = super().forward(clips)
        return outs[0] if len(outs) == 1 else outs
