"""Which architecture a checkpoint is of, told by the names and shapes of its weights."""

from collections.abc import Mapping

from torch import Tensor

from eva_mm.checkpoint.assemble import assemble
from eva_mm.checkpoint.convert import unwrap
from eva_mm.checkpoint.layouts import find_layout
from eva_mm.checkpoint.rename import released_names

Shapes = Mapping[str, tuple[int, ...]]
# weights outside of blocks that tell families apart, where a file has a class token; a detector's file lacks them
_MARKS = ('register_tokens', 'pos_embed', 'norm_pre.weight')


def _shapes(checkpoint: Mapping) -> dict[str, tuple[int, ...]]:
    weights = unwrap(checkpoint)
    assembled, released = assemble(weights, released_names(weights, find_layout(weights)))
    return {released[name][0]: tuple(weight.shape) for name, weight in assembled.items() if released[name][0]}


def _first_block(shapes: Shapes) -> dict[str, tuple[int, ...]]:
    """Shapes of block 0 by name, without tables of relative positions, which any family may have."""
    return {name: shape for name, shape in shapes.items() if name.startswith('blocks.0.') and 'rel' not in name}


def describe_family(checkpoint: Mapping[str, Tensor], archs: Mapping[str, tuple[int, Shapes]]) -> str:
    """A sentence that says which ``arch`` takes a checkpoint; empty if none of the known ones does.

    Args:
        checkpoint: As read from a file.
        archs: How to build each architecture, to its number of blocks and the shapes of its weights with one block.
    """
    try:
        shapes = _shapes(checkpoint)
    except ValueError:
        return ''
    block, dims = _first_block(shapes), shapes.get('blocks.0.norm1.weight', (0,))[0]
    depth = len({name.split('.')[1] for name in shapes if name.startswith('blocks.')})
    marks = [mark in shapes for mark in _MARKS] if 'cls_token' in shapes else None
    family, exact = [], []
    for name, (num_layers, own) in archs.items():
        if _first_block(own).keys() != block.keys() or (marks and marks != [mark in own for mark in _MARKS]):
            continue
        family.append(name)
        if _first_block(own) == block and num_layers == depth:
            exact.append(name)
    if exact:
        return f'The file is of a model with {" or ".join(exact)}.'
    if family:
        sizes = f'embed_dims={dims}, num_layers={depth}, ...'
        return f'The file is of a model with {" or ".join(family)}, of another size: arch=dict(name=..., {sizes}).'
    return ''
