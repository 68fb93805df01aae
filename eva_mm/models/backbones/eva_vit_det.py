"""EVA as a detection backbone: windows, a few global blocks, decomposed relative positions (arXiv 2203.16527)."""

from collections.abc import Mapping, Sequence

from torch import Tensor

from eva_mm.layers import Attention, WindowAttention
from eva_mm.layers.relative_position import DecomposedRelativePosition
from eva_mm.models.backbones.arch_zoo import resolve_arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAViTDet(EVAViT):
    """:class:`EVAViT` that attends inside windows except in a few blocks, and returns one map of the patch's stride.

    There is no class token and no final norm. ``pos_embed`` keeps the class token's row, which is skipped, so that
    pre-trained files load. Inputs of any multiple of the patch are taken.

    Args:
        arch: As for :class:`EVAViT`.
        img_size: Pixels of the grid of ``pos_embed``, that is of pre-training.
        patch_size: Side of a patch in pixels.
        window_size: Side of a window in tokens; its tables have ``2 * window_size - 1`` rows.
        global_attn_indexes: Blocks that attend to the whole grid; ``None`` means every fourth, as released.
        rel_pos_img_size: Side in pixels of the relative tables in global blocks, that is of training images.
        rel_pos_resize: How these tables are resized for other inputs: ``'linear'`` (training) or ``'geometric'``
            (the release's evaluation at 1536); see :func:`eva_mm.layers.relative_position.resize_relative_position`.
        freeze_patch_embed: The patch embedding is not trained, as released.
        kwargs: As for :class:`EVAViT`; ``out_type`` is ``'featmap'``.

    Raises:
        ValueError: As :class:`EVAViT`, or ``global_attn_indexes`` goes beyond the blocks.
    """

    num_extra_tokens = 0
    checkpoint_task = 'detection'

    def __init__(
        self,
        arch: str | Mapping[str, int] = 'base',
        img_size: int | Sequence[int] = 224,
        patch_size: int = 16,
        window_size: int = 16,
        global_attn_indexes: Sequence[int] | None = None,
        rel_pos_img_size: int = 1280,
        rel_pos_resize: str = 'linear',
        freeze_patch_embed: bool = True,
        qkv_bias: str = 'qv',
        attn_fp32: bool = False,
        **kwargs,
    ) -> None:
        sizes = resolve_arch(arch)
        dims, heads, depth = (sizes[key] for key in ('embed_dims', 'num_heads', 'num_layers'))
        if global_attn_indexes is None:
            global_attn_indexes = range(3, depth, 4)
        if any(not 0 <= index < depth for index in global_attn_indexes):
            raise ValueError(
                f'global_attn_indexes={tuple(global_attn_indexes)} go beyond the {depth} blocks of this arch.'
            )
        common = dict(qkv_bias=qkv_bias, fp32=attn_fp32, proj_drop=kwargs.get('drop_rate', 0.0))

        def attention(index: int) -> Attention:
            is_global = index in global_attn_indexes
            side = rel_pos_img_size // patch_size if is_global else window_size
            relative = DecomposedRelativePosition(dims // heads, (side, side), rel_pos_resize)
            if is_global:
                return Attention(dims, heads, relative_position=relative, **common)
            return WindowAttention(dims, heads, window_size, relative_position=relative, **common)

        super().__init__(
            arch,
            img_size,
            patch_size,
            qkv_bias=qkv_bias,
            attention=attention,
            **{'out_type': 'featmap', **kwargs},
        )
        if freeze_patch_embed:
            self.patch_embed.requires_grad_(False)

    def embed(self, patches: Tensor, grid: tuple[int, ...]) -> Tensor:
        """Add positions to patch tokens (B, N, C); the class token's row is left out."""
        return self.pos_drop(patches + self._positions(grid)[:, 1:])
