"""Weights that other libraries keep joined, apart or in another shape than EVA's released names have them."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class Join:
    """Weights that become one, along their first dimension.

    Attributes:
        parts: Names of the parts.
        to: Name of the whole.
    """

    parts: tuple[str, ...]
    to: str


@dataclass(frozen=True)
class Split:
    """A weight that becomes several, along its first dimension.

    Attributes:
        whole: Its name.
        to: Names of the parts.
        shares: Their relative lengths.
    """

    whole: str
    to: tuple[str, ...]
    shares: tuple[int, ...]


# names behind those of a block or of the attention pool; other layouts are given these names first
JOINS = (
    Join(('attn.q.weight', 'attn.k.weight', 'attn.v.weight'), 'attn.qkv.weight'),
    Join(('attn.q.bias', 'attn.k.bias', 'attn.v.bias'), 'attn.qkv.bias'),
    Join(('mlp.gate.weight', 'mlp.value.weight'), 'mlp.w12.weight'),
    Join(('mlp.gate.bias', 'mlp.value.bias'), 'mlp.w12.bias'),
)
SPLITS = (
    # of DINOv3, whose keys have a bias that is masked
    Split('attn.masked_qkv_bias', ('attn.q_bias', 'attn.k_bias', 'attn.v_bias'), (1, 1, 1)),
    Split('attn_pool.in_proj.weight', ('attn_pool.q.weight', 'attn_pool.kv.weight'), (1, 2)),
    Split('attn_pool.in_proj.bias', ('attn_pool.q.bias', 'attn_pool.kv.bias'), (1, 2)),
)


def _tokens(weight: Tensor) -> Tensor:
    """(C,) or (N, C) to (1, N, C)."""
    return weight.reshape(1, -1, weight.shape[-1]) if weight.ndim in (1, 2) and weight.numel() else weight


def _patch_kernel(weight: Tensor) -> Tensor:
    """A linear layer over the pixels of a patch, (C, p * p * 3), to the convolution (C, 3, p, p)."""
    if weight.ndim != 2:
        return weight
    side = math.isqrt(weight.shape[1] // 3)
    return weight.reshape(len(weight), side, side, -1).permute(0, 3, 1, 2)


def _with_class_row(positions: Tensor) -> Tensor:
    """timm adds the position of DINOv2's class token to the token where there are registers."""
    return torch.cat((torch.zeros_like(positions[:, :1]), positions), dim=1)


# name, what gives the weight its shape, and its name afterwards
SHAPES: tuple[tuple[str, Callable[[Tensor], Tensor], str], ...] = (
    (r'(cls_token|mask_token|register_tokens|pos_embed|patch_positions|attn_pool\.latent)', _tokens, r'\1'),
    (r'(patch_embed\.proj\.weight)', _patch_kernel, r'\1'),
    (r'patch_positions', _with_class_row, 'pos_embed'),
    (r'visual\.head\.transposed', torch.t, 'visual.head.weight'),
)

Named = dict[str, tuple[str, Tensor]]
_BLOCK = re.compile(r'(blocks\.\d+\.)(.*)')


def _take_joins(named: Named) -> Named:
    """Join what belongs together; what is joined is called after all of its parts."""
    by_name = {name: origin for origin, (name, _) in named.items()}
    for join in JOINS:
        stems = {match[1]: name for name in by_name if (match := _BLOCK.fullmatch(name)) and match[2] in join.parts}
        for stem, name in stems.items():
            origins = [by_name.get(stem + part, '') for part in join.parts]
            if not all(origins):
                missing = [stem + part for part, origin in zip(join.parts, origins) if not origin]
                raise ValueError(
                    f'The checkpoint holds {by_name[name]} without {", ".join(missing)}, which belong together: '
                    'copy or download it again.'
                )
            whole = torch.cat([named.pop(origin)[1] for origin in origins])
            named[' + '.join(origins)] = stem + join.to, whole
    return named


def _take_splits(named: Named) -> Named:
    taken: Named = {}
    for origin, (name, weight) in named.items():
        split = next((split for split in SPLITS if name.endswith(split.whole)), None)
        if split is None:
            taken[origin] = name, weight
            continue
        unit = len(weight) // sum(split.shares)
        parts = weight.split([unit * share for share in split.shares])
        for part, to in zip(parts, split.to):
            taken[f'{origin} ({to})'] = name.removesuffix(split.whole) + to, part
    return taken


def _packed(named: Named) -> Named:
    """timm calls the layers of a packed SwiGLU as those of a plain MLP; the first is twice as wide."""
    shapes = {name: weight.shape for name, weight in named.values()}

    def rename(name: str) -> str:
        match = re.fullmatch(r'(blocks\.\d+\.mlp\.)fc([12])\.(weight|bias)', name)
        if not match:
            return name
        first, second = (shapes.get(f'{match[1]}fc{layer}.weight') for layer in (1, 2))
        if not first or not second or len(second) != 2 or first[0] != 2 * second[1]:
            return name
        return f'{match[1]}{"w12" if match[2] == "1" else "w3"}.{match[3]}'

    return {origin: (rename(name), weight) for origin, (name, weight) in named.items()}


def _shaped(named: Named) -> Named:
    shaped: Named = {}
    for origin, (name, weight) in named.items():
        for pattern, shape, to in SHAPES:
            if match := re.fullmatch(pattern, name):
                name, weight = match.expand(to), shape(weight)
        shaped[origin] = name, weight
    return shaped


def _with_zeros(named: Named) -> Named:
    """Add the biases of queries and values that timm leaves out of DINOv3 models in which they were zero."""
    names = {name: weight for name, weight in named.values()}
    biased = any(re.search(r'attn\.(q_bias|v_bias|qkv\.bias)$', name) for name in names)
    if biased or 'register_tokens' not in names:
        return named
    zeros: Named = {}
    for name, weight in names.items():
        for part in ('q_bias', 'v_bias') if name.endswith('attn.qkv.weight') else ():
            bias = name.replace('qkv.weight', part)
            zeros[f'{bias} (not in the file, hence zero)'] = bias, weight.new_zeros(len(weight) // 3)
    return named | zeros


def assemble(
    weights: Mapping[str, Tensor], released: Mapping[str, tuple[str, str]]
) -> tuple[dict[str, Tensor], dict[str, tuple[str, str]]]:
    """Give weights the division and the shapes that go with the released names.

    Args:
        weights: Weights by their names in the file.
        released: What :func:`eva_mm.checkpoint.rename.released_names` says of them.

    Returns:
        The weights by their names in the file, or for one that was joined, split or added by a name that says from
        what; and these names with the released ones.
    """
    named: Named = {origin: (released[origin][0], weight) for origin, weight in weights.items() if released[origin][0]}
    for step in (_take_joins, _take_splits, _packed, _shaped, _with_zeros):
        named = step(named)
    dropped = {origin: weight for origin, weight in weights.items() if not released[origin][0]}
    return (
        {origin: weight for origin, (_, weight) in named.items()} | dropped,
        {origin: (name, '') for origin, (name, _) in named.items()} | {origin: released[origin] for origin in dropped},
    )
