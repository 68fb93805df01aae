"""EVA on clips: tubelets instead of patches, otherwise the trunk."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from eva_mm.layers import PatchEmbed
from eva_mm.models.backbones.arch_zoo import resolve_arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAViTVideo(EVAViT):
    """:class:`EVAViT` whose tokens are the tubelets of a clip and attend jointly over space and time.

    There is one class token, no factorisation and no separate embedding of time: ``pos_embed`` has a row for every
    place in the (T, H, W) grid. An image checkpoint gives every frame the same rows, a clip checkpoint of another
    length is resized trilinearly (source: ``video/models`` of the EVA-01 release).

    A clip of 16 frames of 224 pixels is 4,097 tokens. torch's fused attention never holds their 4,097 x 4,097
    matrices; ``attn_fp32=True``, the numerics of the release, does, for every head.

    Args:
        arch: As for :class:`EVAViT`.
        num_frames: Frames of the grid of ``pos_embed``. Clips of another length are taken: positions are resized.
        img_size: Height and width of the frames, in pixels.
        tubelet_size: Frames in one token. The release has 1.
        patch_size: Side of a patch in pixels.
        in_channels: Channels of a frame.
        out_type: As for :class:`EVAViT`; ``'avg_featmap'`` pools over space and time.
        patch_grad_scale: Factor on the gradient of the tubelet embedding; 1, as released for video.
        kwargs: As for :class:`EVAViT`.

    Raises:
        ValueError: As :class:`EVAViT`, and ``num_frames`` is no multiple of ``tubelet_size``.
    """

    checkpoint_task = 'video'

    def __init__(
        self,
        arch: str | Mapping[str, int] = 'giant',
        num_frames: int = 16,
        img_size: int | Sequence[int] = 224,
        tubelet_size: int = 1,
        patch_size: int = 14,
        in_channels: int = 3,
        out_type: str = 'avg_featmap',
        patch_grad_scale: float = 1.0,
        **kwargs,
    ) -> None:
        sides = (img_size, img_size) if isinstance(img_size, int) else tuple(img_size)
        super().__init__(
            arch,
            img_size=(num_frames, *sides),
            out_type=out_type,
            patch_embed=PatchEmbed(
                in_channels,
                resolve_arch(arch)['embed_dims'],
                (tubelet_size, patch_size, patch_size),
                grad_scale=patch_grad_scale,
            ),
            **kwargs,
        )

    def forward(self, clips: Tensor) -> Tensor | tuple[Tensor, ...]:
        """Clips (B, 3, T, H, W) to their read-out; with several ``out_indices`` to a tuple of them.

        A single read-out is no tuple because mmaction2's heads take a tensor.
        """
        outs = super().forward(clips)
        return outs[0] if len(outs) == 1 else outs
