"""The grid of patches that the positions of a checkpoint belong to.

A position table is a list of rows: 128 rows may be 8 frames of 4 x 4 patches or 2 of 8 x 8. The grid is taken from the
caller, from the record that our backbones leave in the metadata of their state dicts, from the config in the file, or
from the facts of the release, in this order.
"""

import math
import re
from collections import OrderedDict
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from torch import Tensor

from eva_mm.checkpoint.config_text import read_config_text
from eva_mm.checkpoint.resample import square_grid

Grid = tuple[int, ...]

# under which a backbone's grid stands in the metadata of torch's state dicts
RECORD = 'grid'
# released video models have 8 or 16 frames of 224 pixels, in patches of 14
RELEASED_CLIPS = {frames * 16 * 16: (frames, 16, 16) for frames in (8, 16)}

_BACKBONE = re.compile(r'(eva_mm\.)?EVA\w*ViT\w*')
_DEFAULT_IMG_SIZE = {'EVAViTAdapter': 896, 'EVAViTEoMT': 640}
_DEFAULT_FRAMES = 16


def _mappings(node: Any) -> Iterator[Mapping]:
    """All mappings in a tree, outer ones first."""
    if isinstance(node, Mapping):
        yield node
    if isinstance(node, (Mapping, list, tuple)):
        for item in node.values() if isinstance(node, Mapping) else node:
            yield from _mappings(item)


def _config_grid(text: str, kernel: tuple[int, ...]) -> Grid | None:
    """Grid of the backbone that a config builds, whose patches are as large as the kernel: (p, p) or (t, p, p)."""
    try:
        model = read_config_text(text).get('model')
    except ValueError:
        return None
    backbone = next((node for node in _mappings(model) if _BACKBONE.fullmatch(str(node.get('type')))), None)
    if backbone is None:
        return None
    name = str(backbone['type']).removeprefix('eva_mm.')
    size = backbone.get('img_size', _DEFAULT_IMG_SIZE.get(name, 224))
    sides = tuple(size) if isinstance(size, (list, tuple)) else (size, size)
    if len(kernel) == 3:
        sides = (backbone.get('num_frames', _DEFAULT_FRAMES), *sides)
    if not all(isinstance(side, int) for side in sides):
        return None
    return tuple(side // patch for side, patch in zip(sides, kernel))


def _levels(checkpoint: Mapping[str, Any], depth: int = 3) -> Iterator[Mapping[str, Any]]:
    """A checkpoint and the mappings in it, where its weights may be."""
    yield checkpoint
    if depth:
        for each in checkpoint.values():
            if isinstance(each, Mapping):
                yield from _levels(each, depth - 1)


def _records(levels: Iterable[Mapping[str, Any]]) -> set[Grid]:
    """Grids that the metadata of state dicts hold."""
    found = set()
    for level in levels:
        metadata = getattr(level, '_metadata', None)
        for entry in metadata.values() if isinstance(metadata, Mapping) else ():
            grid = entry.get(RECORD) if isinstance(entry, Mapping) else None
            if isinstance(grid, (tuple, list)) and all(isinstance(side, int) and side > 0 for side in grid):
                found.add(tuple(grid))
    return found


def recorded_grid(checkpoint: Mapping[str, Any]) -> Grid | None:
    """What a checkpoint says of its grid, (H, W) or (T, H, W); ``None`` if it says nothing.

    Args:
        checkpoint: Weights, or what a file holds: weights under ``state_dict``, ``model`` or ``module``.
    """
    levels = list(_levels(checkpoint))
    records = _records(levels)
    if len(records) == 1:
        return records.pop()
    kernels = (
        tuple(weight.shape[2:])
        for level in levels
        for name, weight in level.items()
        if str(name).endswith('patch_embed.proj.weight') and isinstance(weight, Tensor)
    )
    meta, kernel = checkpoint.get('meta'), next(kernels, ())
    text = meta.get('cfg') if isinstance(meta, Mapping) else None
    return _config_grid(text, kernel) if isinstance(text, str) and len(kernel) in (2, 3) else None


def with_record(weights: Mapping[str, Tensor], grid: Grid | None) -> Mapping[str, Tensor]:
    """The weights as a state dict whose metadata hold their grid, or as they are if there is none to hold."""
    if grid is None:
        return weights
    recorded: OrderedDict[str, Tensor] = OrderedDict(weights)
    recorded._metadata = OrderedDict({'': {RECORD: tuple(grid)}})  # type: ignore[attr-defined]
    return recorded


def find_grid(tokens: int, clip: bool, known: Grid | None, wanted: Grid | None) -> tuple[Grid, str]:
    """The grid of a file's positions.

    Args:
        tokens: Rows of the table, without that of the class token.
        clip: Whether the file is of a video model.
        known: What the caller or :func:`recorded_grid` says.
        wanted: Grid of the model.

    Returns:
        The grid, and what it was taken from if it is not known: a remark for the report.

    Raises:
        ValueError: The grid is not known, or not that of the table.
    """
    if known is not None:
        if math.prod(known) != tokens or len(known) != 2 + clip:
            raise ValueError(f'The file has {tokens} patch positions, which are not a grid of {known}.')
        return known, ''
    if not clip:
        return square_grid(tokens), 'square, as the images of all released files'
    if tokens in RELEASED_CLIPS:
        return RELEASED_CLIPS[tokens], 'as released: frames of 224 pixels'
    if wanted and len(wanted) == 3 and 2 * tokens == math.prod(wanted) and wanted[0] % 2 == 0:
        return (wanted[0] // 2, *wanted[1:]), 'as released: half of the frames, the same size'
    raise ValueError(
        f'The file does not say how its {tokens} patch positions are cut into frames: '
        'give file_grid=(T, H, W), or a checkpoint that carries its config.'
    )
