"""Which architecture a checkpoint is of, told by the names and shapes of its weights."""

from collections.abc import Mapping
from dataclasses import replace

import torch
from torch import Tensor, nn

from eva_mm.checkpoint.assemble import assemble
from eva_mm.checkpoint.layouts import find_layout
from eva_mm.checkpoint.rename import released_names
from eva_mm.checkpoint.unwrap import unwrap

Shapes = Mapping[str, tuple[int, ...]]
# weights outside of blocks that tell families apart
_MARKS = ('cls_token', 'register_tokens', 'pos_embed', 'norm_pre.weight')
# more names than these are not listed
_SHOWN = 3


def _shapes(checkpoint: Mapping) -> dict[str, tuple[int, ...]]:
    weights = unwrap(checkpoint)
    assembled, released = assemble(weights, released_names(weights, find_layout(weights)))
    return {released[name][0]: tuple(weight.shape) for name, weight in assembled.items() if released[name][0]}


def _first_block(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Shapes of block 0 by name, without tables of relative positions, which any family may have."""
    return {name: shape for name, shape in shapes.items() if name.startswith('blocks.0.') and 'rel' not in name}


def _known(backbone: nn.Module) -> dict[str, tuple[int, Shapes]]:
    """How to build each architecture, to its number of blocks and the shapes of its weights with one block."""
    # the class that knows the architectures, not one with the adapter's or the decoder's parts
    trunk = next(kind for kind in type(backbone).__mro__ if 'zoo' in vars(kind))
    known = {}
    for name, row in trunk.zoo.items():
        for bias in dict.fromkeys((row.qkv_bias, 'full')):
            with torch.device('meta'):
                weights = trunk(replace(row, num_layers=1, qkv_bias=bias)).state_dict()
            build = f'arch={name!r}' + ('' if bias == row.qkv_bias else f', qkv_bias={bias!r}')
            known[build] = row.num_layers, {key: tuple(weight.shape) for key, weight in weights.items()}
    return known


def describe_family(checkpoint: Mapping[str, Tensor], backbone: nn.Module | None) -> str:
    """A sentence that says which ``arch`` takes a checkpoint; empty if none of the known ones does.

    Args:
        checkpoint: As read from a file.
        backbone: What it does not fit into.
    """
    if not hasattr(backbone, 'zoo'):
        return ''
    try:
        shapes = _shapes(checkpoint)
    except ValueError:
        return ''
    block, dims = _first_block(shapes), shapes.get('blocks.0.norm1.weight', (0,))[0]
    depth = len({name.split('.')[1] for name in shapes if name.startswith('blocks.')})
    known = {name: row for name, row in _known(backbone).items() if _first_block(row[1]).keys() == block.keys()}
    # a detector's file has no tokens, and an image classifier's no attention pool
    marked = {name: row for name, row in known.items() if all((mark in shapes) == (mark in row[1]) for mark in _MARKS)}
    family = marked or known
    exact = [name for name, (layers, own) in family.items() if _first_block(own) == block and layers == depth]
    names = exact or list(family)
    if not names:
        return ''
    more = f' and {len(names) - _SHOWN} more' if len(names) > _SHOWN else ''
    text = f'The file is of a model with {" or ".join(names[:_SHOWN])}{more}'
    sizes = f'arch=dict(name=..., embed_dims={dims}, num_layers={depth}, ...)'
    return f'{text}.' if exact else f'{text}, of another size: {sizes}.'
