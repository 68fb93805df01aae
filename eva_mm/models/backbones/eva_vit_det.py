"""EVA as a detection backbone: windows, a few global blocks, relative positions (arXiv 2203.16527)."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import nn

from eva_mm.layers import WindowAttention
from eva_mm.layers.relative_position import DecomposedRelativePosition
from eva_mm.models.backbones.arch_zoo import Arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAViTDet(EVAViT):
    """:class:`EVAViT` that attends inside windows except in a few blocks, and returns one map of the patch's stride.

    Neither class token nor registers stand in front; the row of the class token is skipped. Families with rotary
    positions turn queries and keys in each window and in the whole grid; the others have decomposed relative positions.

    Args:
        arch, img_size, patch_size, kwargs: As for :class:`EVAViT`; ``out_type`` is ``'featmap'``.
        window_size: Side of a window in tokens; its tables have ``2 * window_size - 1`` rows.
        global_attn_indexes: Blocks that attend to the whole grid; ``None`` means every fourth, as released.
        rel_pos_img_size: Side in pixels of the relative tables in global blocks, that is of training images; ``None``:
            1280. Families with rotary positions have no tables.
        rel_pos_resize: How these tables are resized for other inputs: ``'linear'`` (training) or ``'geometric'``
            (the release's evaluation at 1536), see :func:`eva_mm.layers.relative_position.resize_relative_position`.
        freeze_patch_embed: The patch embedding is not trained, as released for EVA.

    Raises:
        ValueError: As :class:`EVAViT`, ``global_attn_indexes`` goes beyond the blocks, or ``rel_pos_img_size`` is given
            for a family with rotary positions.
    """

    checkpoint_task = 'detection'
    has_extra_tokens = False

    def __init__(
        self,
        arch: str | Mapping[str, Any] | Arch = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 16,
        window_size: int = 16,
        global_attn_indexes: Sequence[int] | None = None,
        rel_pos_img_size: int | None = None,
        rel_pos_resize: str = 'linear',
        freeze_patch_embed: bool = True,
        **kwargs: Any,
    ) -> None:
        # what the blocks are built from
        self.window_size, self.global_attn_indexes = window_size, global_attn_indexes
        self.rel_pos_img_size, self.rel_pos_resize = rel_pos_img_size, rel_pos_resize
        super().__init__(arch, img_size, patch_size, **{'out_type': 'featmap', **kwargs})
        if not set(global_attn_indexes or ()) <= set(range(self.num_layers)):
            given = f'global_attn_indexes={tuple(global_attn_indexes)}'
            raise ValueError(f'{given} go beyond the {self.num_layers} blocks of this arch.')
        if freeze_patch_embed:
            self.patch_embed.requires_grad_(False)

    def _is_global(self, index: int) -> bool:
        return index % 4 == 3 if self.global_attn_indexes is None else index in self.global_attn_indexes

    def _build_relative_position(self, index: int) -> nn.Module:
        pixels, side = self.rel_pos_img_size, self.window_size
        if self.arch.rotary is not None:
            if pixels is not None:
                raise ValueError(f'rel_pos_img_size={pixels} must be None for a family with rotary positions.')
            return super()._build_relative_position(index)
        if self._is_global(index):
            side = (pixels or 1280) // self.patch_embed.patch_size[0]
        return DecomposedRelativePosition(self.embed_dims // self.arch.num_heads, (side, side), self.rel_pos_resize)

    def _build_attention(self, index: int, *args: Any, **options: Any) -> nn.Module:
        if self._is_global(index):
            return super()._build_attention(index)
        return super()._build_attention(index, WindowAttention, window_size=self.window_size)
