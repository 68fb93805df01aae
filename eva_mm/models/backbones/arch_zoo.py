"""Families of plain vision transformers as data: which of the exchangeable parts each has, and its sizes."""

import difflib
import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from eva_mm.layers.rotary import Rotary

SIZES = ('embed_dims', 'num_layers', 'num_heads', 'feedforward_channels')


@dataclass(frozen=True)
class Arch:
    """Everything that differs between plain vision transformers. The defaults are those of EVA (arXiv 2211.07636).

    Attributes:
        embed_dims, num_layers, num_heads, feedforward_channels: Sizes; the last is the hidden width of the MLP.
        patch_size, img_size: Pixels that the released weights were trained at.
        pos_embed: How the learned table of positions is resized, a name of ``RESIZE_RULES``; ``None``: no table.
        rotary: By how much queries and keys turn; ``None``: not at all.
        cls_token: Whether a class token stands in front. The table has a row for it, but not for registers.
        num_registers: Registers behind the class token.
        norm_eps: Added to the variance by every layer norm.
        post_norm: Normalise what attention and MLP add, not what they read.
        embed_norm: Normalise the embedded tokens, and leave out the bias of the patch embedding.
        mlp: A name of ``MLPS``.
        mlp_norm: Normalise the gated values of a SwiGLU.
        qkv_bias, separate_qkv: As for :class:`eva_mm.layers.Attention`.
        attn_norm: Normalise the attended values before the projection.
        layer_scale_init_value: Start of the layer scales; ``None``: there are none.
        out_type: Read-out of the family, as for ``eva_mm.EVAViT``.
        norm_patches: Whether patch tokens pass the final norm before they become a map or a mean; if not, the mean
            is normalised by ``fc_norm``.
        pool_heads: Heads of the attention pool; 0: the family has none.
        projection: Layer that takes the pooled token of a CLIP tower to the space of the texts: ``'bias'``,
            ``'no_bias'`` or ``'none'``.
        cls_position: Whether the class token gets its position.
        init: How pre-training starts: ``'trunc_normal'`` or ``'xavier'``, see :class:`eva_mm.EVAPretrainViT`.
        variants: Entries that differ in the released models of a task: ``'mim'``, ``'mae'`` or ``'adapter'``.
    """

    embed_dims: int
    num_layers: int
    num_heads: int
    feedforward_channels: int
    patch_size: int = 14
    img_size: int = 224
    pos_embed: str | None = 'bicubic'
    rotary: Rotary | None = None
    cls_token: bool = True
    num_registers: int = 0
    norm_eps: float = 1e-6
    post_norm: bool = False
    embed_norm: bool = False
    mlp: str = 'gelu'
    mlp_norm: bool = False
    qkv_bias: str = 'qv'
    separate_qkv: bool = False
    attn_norm: bool = False
    layer_scale_init_value: float | None = None
    out_type: str = 'cls_token'
    norm_patches: bool = False
    pool_heads: int = 0
    projection: str = 'bias'
    cls_position: bool = True
    init: str = 'trunc_normal'
    # EVA-L is pre-trained with a bias for keys; the segmentation release adds no position to the class token
    variants: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {'mae': dict(qkv_bias='full'), 'adapter': dict(cls_position=False)}
    )


_EVA02 = dict(rotary=Rotary(), variants={'mim': dict(rotary=dict(span=None), init='xavier')})
_EVA02_WIDE = dict(mlp='swiglu', mlp_norm=True, separate_qkv=True, **_EVA02)
_EVA02_CLIP = dict(attn_norm=True, **_EVA02_WIDE)
_DINO = dict(layer_scale_init_value=1e-5, norm_patches=True, variants={})
_DINOV2 = dict(pos_embed='bicubic_offset', qkv_bias='full', img_size=518, **_DINO)
_DINOV2_REG = {**_DINOV2, 'pos_embed': 'bicubic_antialias', 'num_registers': 4}
_DINOV3 = dict(
    pos_embed=None,
    rotary=Rotary(base=100.0, span=2.0, start=-1.0, offset=0.5, turn=2 * math.pi, halves=True),
    num_registers=4,
    norm_eps=1e-5,
    patch_size=16,
    **_DINO,
)
_CLIP = dict(norm_eps=1e-5, embed_norm=True, qkv_bias='full', projection='no_bias', variants={})
_OPENAI = dict(mlp='quick_gelu', **_CLIP)
_OPEN_CLIP = dict(pos_embed='bicubic_antialias', **_CLIP)
_SIGLIP = dict(
    cls_token=False, qkv_bias='full', out_type='attn_pool', norm_patches=True, projection='none', variants={}
)
_SIGLIP2_LARGE = dict(patch_size=16, img_size=256, mlp='gelu_tanh', **_SIGLIP)
_PE = dict(pos_embed='bilinear', out_type='attn_pool', norm_patches=True, pool_heads=8, **_CLIP)

ARCH_ZOO: dict[str, Arch] = {
    # trains in a minute on a CPU; the size of every configs/nano
    'nano': Arch(96, 4, 4, 384),
    'tiny': Arch(192, 12, 3, 768),
    'small': Arch(384, 12, 6, 1536),
    'base': Arch(768, 12, 12, 3072),
    # EVA-L
    'large': Arch(1024, 24, 16, 4096),
    # EVA, one billion parameters
    'giant': Arch(1408, 40, 16, 6144),
    # EVA-02 (arXiv 2303.11331): hidden widths are 8 / 3 of the width, rounded down
    'eva02-tiny': Arch(192, 12, 3, 512, mlp='swiglu_packed', **_EVA02),
    'eva02-small': Arch(384, 12, 6, 1024, mlp='swiglu_packed', **_EVA02),
    'eva02-base': Arch(768, 12, 12, 2048, **_EVA02_WIDE),
    'eva02-large': Arch(1024, 24, 16, 2730, **_EVA02_WIDE),
    # EVA-02-CLIP (arXiv 2303.15389); the largest was trained before the new parts were
    'eva02-clip-base': Arch(768, 12, 12, 2048, patch_size=16, **_EVA02_CLIP),
    'eva02-clip-large': Arch(1024, 24, 16, 2730, **_EVA02_CLIP),
    'eva02-clip-enormous': Arch(1792, 64, 16, 15360, post_norm=True, variants={}),
    # DINOv2 (arXiv 2304.07193), with registers (arXiv 2309.16588)
    **{
        f'dinov2-{size}{suffix}': Arch(*sizes, **(dict(mlp='swiglu_packed') if size == 'giant' else {}), **family)
        for suffix, family in (('', _DINOV2), ('-reg', _DINOV2_REG))
        for size, sizes in (
            ('small', (384, 12, 6, 1536)),
            ('base', (768, 12, 12, 3072)),
            ('large', (1024, 24, 16, 4096)),
            ('giant', (1536, 40, 24, 4096)),
        )
    },
    # DINOv3 (arXiv 2508.10104): hidden widths of SwiGLU are 4 (7B: 2) times the width, in multiples of 8 (7B: 64)
    'dinov3-small': Arch(384, 12, 6, 1536, **_DINOV3),
    'dinov3-small-plus': Arch(384, 12, 6, 1536, mlp='swiglu', **_DINOV3),
    'dinov3-base': Arch(768, 12, 12, 3072, **_DINOV3),
    'dinov3-large': Arch(1024, 24, 16, 4096, **_DINOV3),
    'dinov3-huge-plus': Arch(1280, 32, 20, 5120, mlp='swiglu', **_DINOV3),
    'dinov3-7b': Arch(4096, 40, 32, 8192, mlp='swiglu', qkv_bias='none', **_DINOV3),
    # CLIP (arXiv 2103.00020) as OpenAI and as open_clip trained it
    'clip-base': Arch(768, 12, 12, 3072, patch_size=16, **_OPENAI),
    'clip-large': Arch(1024, 24, 16, 4096, **_OPENAI),
    'open-clip-base': Arch(768, 12, 12, 3072, patch_size=16, **_OPEN_CLIP),
    'open-clip-large': Arch(1024, 24, 16, 4096, **_OPEN_CLIP),
    'open-clip-huge': Arch(1280, 32, 16, 5120, **_OPEN_CLIP),
    # SigLIP (arXiv 2303.15343) and SigLIP 2 (arXiv 2502.14786)
    'siglip-base': Arch(768, 12, 12, 3072, patch_size=16, pool_heads=12, **_SIGLIP),
    'siglip-so400m': Arch(1152, 27, 16, 4304, img_size=378, pool_heads=16, **_SIGLIP),
    'siglip2-base': Arch(768, 12, 12, 3072, patch_size=16, pool_heads=12, **_SIGLIP),
    'siglip2-so400m': Arch(1152, 27, 16, 4304, pool_heads=16, **_SIGLIP2_LARGE),
    'siglip2-giant': Arch(1536, 40, 16, 6144, pool_heads=16, **_SIGLIP2_LARGE),
    # Perception Encoder, core (arXiv 2504.13181): the turn is measured on the grid of pre-training
    'pe-core-base': Arch(
        768, 12, 12, 3072, patch_size=16, rotary=Rotary(span=14.0, offset=1.0, columns_first=True), **_PE
    ),
    'pe-core-large': Arch(
        1024, 24, 16, 4096, img_size=336, rotary=Rotary(span=24.0, offset=1.0, columns_first=True), **_PE
    ),
}


def _nearest(name: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(name, known)
    return f' Did you mean {" or ".join(close)}?' if close else ''


def _override(row: Any, entries: Mapping[str, Any]) -> Any:
    """A row, or a part of one, with some entries replaced; a mapping replaces entries of a part."""
    known = [each.name for each in fields(row)]
    changes = {}
    for key, value in entries.items():
        if key not in known:
            raise ValueError(f'{key!r} is neither an argument nor an entry of the arch.{_nearest(key, known)}')
        if key == 'rotary' and isinstance(value, Mapping):
            value = _override(getattr(row, key) or Rotary(), value)
        changes[key] = value
    return replace(row, **changes)


def resolve_arch(arch: str | Mapping[str, Any] | Arch, variant: str = '', **entries: Any) -> Arch:
    """The row of an architecture.

    Args:
        arch: A name of ``ARCH_ZOO``; a dict with ``name`` and the entries that replace those of the row; a dict with
            the four of ``SIZES``, and more entries if need be, which replace those of EVA; or a row.
        variant: Task whose released models differ, a key of ``Arch.variants``.
        entries: Entries of the row that replace those of all before.

    Raises:
        ValueError: Unknown name or entry, or a dict with neither a name nor all sizes.
    """
    given: Mapping[str, Any] = {}
    if isinstance(arch, Mapping):
        given = {key: value for key, value in arch.items() if key != 'name'}
        if 'name' not in arch and not set(SIZES) <= set(given):
            raise ValueError(
                f'arch has the keys {sorted(arch)}, expected exactly {", ".join(SIZES)}, or a name and what to replace.'
            )
        arch = arch.get('name', 'base')
    if isinstance(arch, str):
        if arch not in ARCH_ZOO:
            raise ValueError(
                f'arch={arch!r} is unknown: choose from {", ".join(ARCH_ZOO)}.{_nearest(arch, ARCH_ZOO)}'
            )
        arch = ARCH_ZOO[arch]
    for changes in (arch.variants.get(variant, {}), given, entries):
        arch = _override(arch, changes)
    return arch
