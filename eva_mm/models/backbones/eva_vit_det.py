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

    Neither class token nor registers stand in front. ``pos_embed`` keeps the class token's row, which is skipped, so
    that pre-trained files load. Inputs of any multiple of the patch are taken. Families with rotary positions turn
    queries and keys in each window and in the whole grid; the others have decomposed relative positions.

    Args:
        arch: As for :class:`EVAViT`.
        img_size: Pixels of the grid of ``pos_embed``, that is of pre-training.
        patch_size: Side of a patch in pixels.
        window_size: Side of a window in tokens; its tables have ``2 * window_size - 1`` rows.
        global_attn_indexes: Blocks that attend to the whole grid; ``None`` means every fourth, as released.
        rel_pos_img_size: Side in pixels of the relative tables in global blocks, that is of training images; ``None``:
            1280. Families with rotary positions have no tables.
        rel_pos_resize: How these tables are resized for other inputs: ``'linear'`` (training) or ``'geometric'``
            (the release's evaluation at 1536, without gradient); see
            :func:`eva_mm.layers.relative_position.resize_relative_position`.
        freeze_patch_embed: The patch embedding is not trained, as released for EVA.
        kwargs: As for :class:`EVAViT`; ``out_type`` is ``'featmap'``.

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
        if any(not 0 <= index < self.num_layers for index in global_attn_indexes or ()):
            raise ValueError(
                f'global_attn_indexes={tuple(global_attn_indexes)} go beyond the {self.num_layers} blocks of this arch.'
            )
        if freeze_patch_embed:
            self.patch_embed.requires_grad_(False)

    def _is_global(self, index: int) -> bool:
        return index % 4 == 3 if self.global_attn_indexes is None else index in self.global_attn_indexes

    def _build_relative_position(self, index: int) -> nn.Module:
        if self.arch.rotary is not None:
            if self.rel_pos_img_size is not None:
                raise ValueError(
                    f'rel_pos_img_size={self.rel_pos_img_size} has no meaning for a family with rotary positions: '
                    'leave it out, or set it to None.'
                )
            return super()._build_relative_position(index)
        side = self.window_size
        if self._is_global(index):
            side = (self.rel_pos_img_size or 1280) // self.patch_embed.patch_size[0]
        return DecomposedRelativePosition(self.embed_dims // self.arch.num_heads, (side, side), self.rel_pos_resize)

    def _build_attention(self, index: int, *args: Any, **options: Any) -> nn.Module:
        if self._is_global(index):
            return super()._build_attention(index)
        return super()._build_attention(index, WindowAttention, window_size=self.window_size)
