"""Plain torch parts of every EVA model: no mmengine, no registry."""

from eva_mm.layers.attention import Attention, WindowAttention
from eva_mm.layers.block import Block, DropPath, PostNormBlock
from eva_mm.layers.layer_norm import LayerNorm, LayerNorm2d
from eva_mm.layers.mlp import Mlp
from eva_mm.layers.patch_embed import PatchEmbed, scale_gradient
from eva_mm.layers.position_embedding import resize_position_embedding, sincos_position_embedding

__all__ = [
    'Attention',
    'Block',
    'DropPath',
    'LayerNorm',
    'LayerNorm2d',
    'Mlp',
    'PatchEmbed',
    'PostNormBlock',
    'WindowAttention',
    'resize_position_embedding',
    'scale_gradient',
    'sincos_position_embedding',
]
