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
    """All that differs between plain vision transformers. The defaults are those of EVA (arXiv 2211.07636)."""

    embed_dims: int
    num_layers: int
    num_heads: int
    feedforward_channels: int  # hidden width of the MLP
    patch_size: int = 14  # pixels, as released
    img_size: int = 224
    pos_embed: str | None = 'bicubic'  # how the table of positions is resized, see RESIZE_RULES; None: no table
    rotary: Rotary | None = None  # how queries and keys turn; None: not at all
    cls_token: bool = True
    cls_position: bool = True  # whether the class token gets its row of the table
    num_registers: int = 0  # behind the class token, without rows
    norm_eps: float = 1e-6
    post_norm: bool = False  # normalise what is added instead of what is read
    embed_norm: bool = False  # normalise embedded tokens, and leave out the bias of the patch embedding
    mlp: str = 'gelu'  # see build_mlp
    mlp_norm: bool = False  # normalise gated values
    qkv_bias: str = 'qv'  # see Attention
    separate_qkv: bool = False
    attn_norm: bool = False  # normalise what was attended before the projection
    layer_scale_init_value: float | None = None
    out_type: str = 'cls_token'  # see EVAViT
    norm_patches: bool = False  # normalise the tokens of maps and means; if not, a mean has fc_norm
    pool_heads: int = 0  # heads of the attention pool; 0: there is none
    projection: str = 'bias'  # behind the tower of a CLIP: 'bias', 'no_bias' or 'none'
    init: str = 'trunc_normal'  # of masked image modelling, or 'xavier'
    # what differs in the released models of a task: EVA-L is pre-trained with a bias for keys, and the segmentation
    # release adds no position to the class token
    variants: Mapping[str, Mapping[str, Any]] = field(
        default_factory=lambda: {'mae': dict(qkv_bias='full'), 'adapter': dict(cls_position=False)}
    )


# the turn is measured on the 16 x 16 patches of pre-training, which itself counts its own
_EVA02: dict[str, Any] = dict(rotary=Rotary(), variants={'mim': dict(rotary=dict(span=None), init='xavier')})
_EVA02_WIDE = dict(mlp='swiglu', mlp_norm=True, separate_qkv=True, **_EVA02)
_EVA02_CLIP = dict(attn_norm=True, **_EVA02_WIDE)
_DINO: dict[str, Any] = dict(layer_scale_init_value=1e-5, norm_patches=True, variants={})
_DINOV2 = dict(pos_embed='bicubic_offset', qkv_bias='full', img_size=518, **_DINO)
_DINOV2_REG = dict(_DINOV2, pos_embed='bicubic_antialias', num_registers=4)
_DINOV3_TURN = Rotary(base=100.0, span=2.0, start=-1.0, offset=0.5, turn=2 * math.pi, halves=True)
_DINOV3 = dict(pos_embed=None, rotary=_DINOV3_TURN, num_registers=4, norm_eps=1e-5, patch_size=16, **_DINO)
_CLIP: dict[str, Any] = dict(norm_eps=1e-5, embed_norm=True, qkv_bias='full', projection='no_bias', variants={})
_OPENAI = dict(mlp='quick_gelu', **_CLIP)
_OPEN_CLIP = dict(pos_embed='bicubic_antialias', **_CLIP)
_POOLED: dict[str, Any] = dict(out_type='attn_pool', norm_patches=True)
_SIGLIP = dict(cls_token=False, qkv_bias='full', projection='none', variants={}, **_POOLED)
_SIGLIP2_LARGE = dict(patch_size=16, img_size=256, mlp='gelu_tanh', **_SIGLIP)
_PE = dict(pos_embed='bilinear', pool_heads=8, **_POOLED, **_CLIP)

ARCH_ZOO: dict[str, Arch] = {
    # EVA: the first trains in a minute on a CPU, `large` is EVA-L, `giant` is EVA with one billion parameters
    'nano': Arch(96, 4, 4, 384),
    'tiny': Arch(192, 12, 3, 768),
    'small': Arch(384, 12, 6, 1536),
    'base': Arch(768, 12, 12, 3072),
    'large': Arch(1024, 24, 16, 4096),
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
    # DINOv2 (arXiv 2304.07193), and with registers (arXiv 2309.16588)
    'dinov2-small': Arch(384, 12, 6, 1536, **_DINOV2),
    'dinov2-base': Arch(768, 12, 12, 3072, **_DINOV2),
    'dinov2-large': Arch(1024, 24, 16, 4096, **_DINOV2),
    'dinov2-giant': Arch(1536, 40, 24, 4096, mlp='swiglu_packed', **_DINOV2),
    'dinov2-small-reg': Arch(384, 12, 6, 1536, **_DINOV2_REG),
    'dinov2-base-reg': Arch(768, 12, 12, 3072, **_DINOV2_REG),
    'dinov2-large-reg': Arch(1024, 24, 16, 4096, **_DINOV2_REG),
    'dinov2-giant-reg': Arch(1536, 40, 24, 4096, mlp='swiglu_packed', **_DINOV2_REG),
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
    # Perception Encoder, core (arXiv 2504.13181)
    'pe-core-base': Arch(768, 12, 12, 3072, 16, 224, rotary=Rotary(span=14, offset=1, columns_first=True), **_PE),
    'pe-core-large': Arch(1024, 24, 16, 4096, 14, 336, rotary=Rotary(span=24, offset=1, columns_first=True), **_PE),
}


def _refuse_unknown(name: str, known: Iterable[str], problem: str) -> None:
    if name not in known:
        close = difflib.get_close_matches(name, known)
        raise ValueError(problem + (f' Did you mean {" or ".join(close)}?' if close else ''))


def _override(row: Any, entries: Mapping[str, Any]) -> Any:
    """A row with some entries replaced; a mapping replaces entries of its rotary positions."""
    for key in entries:
        problem = f'{key!r} is neither an argument nor an entry of the arch.'
        _refuse_unknown(key, [each.name for each in fields(row)], problem)
    turn = entries.get('rotary')
    if isinstance(turn, Mapping):
        entries = {**entries, 'rotary': _override(row.rotary or Rotary(), turn)}
    return replace(row, **entries)


def resolve_arch(arch: str | Mapping[str, Any] | Arch, variant: str = '', **entries: Any) -> Arch:
    """The row of an architecture.

    Args:
        arch: A name of ``ARCH_ZOO``; a dict with ``name`` and the entries that replace those of the row; a dict with
            the four of ``SIZES``, and more entries if need be, which replace those of EVA; or a row.
        variant: Task whose released models differ, a key of ``Arch.variants``.
        entries: Entries of the row that replace those of all before.
    """
    given: Mapping[str, Any] = {}
    if isinstance(arch, Mapping):
        if 'name' not in arch and not set(SIZES) <= set(arch):
            expected = f'expected exactly {", ".join(SIZES)}, or a name and what to replace'
            raise ValueError(f'arch has the keys {sorted(arch)}, {expected}.')
        given = {key: value for key, value in arch.items() if key != 'name'}
        arch = arch.get('name', 'base')
    if isinstance(arch, str):
        _refuse_unknown(arch, ARCH_ZOO, f'arch={arch!r} is unknown: choose from {", ".join(ARCH_ZOO)}.')
        arch = ARCH_ZOO[arch]
    for changes in (arch.variants.get(variant, {}), given, entries):
        arch = _override(arch, changes)
    return arch
