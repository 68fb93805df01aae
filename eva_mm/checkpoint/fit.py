"""Making weights fit a model of another image size, patch size, clip length or window."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from eva_mm.checkpoint import resample
from eva_mm.checkpoint.file_grid import Grid, find_grid
from eva_mm.checkpoint.report import Report


@dataclass(frozen=True)
class Geometry:
    """What the resizing of one weight has to know about the others.

    Attributes:
        clip_file: The file's model takes clips.
        clip_model: The model that the weights are for takes clips.
        file_grid: (H, W) or (T, H, W) of the file's positions; ``None`` if it is not known.
        grid: The same of the model's positions.
        rows: Positions in front that belong to no patch.
        rule: How the others are resized.
    """

    clip_file: bool
    clip_model: bool
    file_grid: Grid | None
    grid: Grid | None
    rows: int
    rule: str

    def grids(self, tokens: int, new_tokens: int) -> tuple[Grid, Grid, str]:
        """Grid of a table of the file, of the model, and the remark of :func:`find_grid`."""
        if self.clip_file and not self.clip_model:
            raise ValueError('The checkpoint is of a video model, whose positions cannot serve images.')
        old, remark = find_grid(tokens, self.clip_file, self.file_grid, self.grid)
        if self.grid is not None:
            return old, self.grid, remark
        if not self.clip_model:
            return old, resample.square_grid(new_tokens), remark
        return old, (new_tokens // math.prod(old[-2:]), *old[-2:]), remark

    def describe(self, table: Tensor, like: Tensor) -> str:
        """How the grid of a position table changes: ``4x4 -> 2x8``, with the remark."""
        old, new, remark = self.grids(table.shape[1] - self.rows, like.shape[1] - self.rows)
        change = ' -> '.join('x'.join(map(str, grid)) for grid in (old, new))
        return f'{change} ({remark})' if remark else change


def _fit_positions(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    rows = geometry.rows
    grid, new_grid, _ = geometry.grids(weight.shape[1] - rows, like.shape[1] - rows)
    return resample.resize_positions(weight, grid, new_grid, rows, geometry.rule)


def _fit_patch_kernel(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    weight = resample.adapt_channels(weight, like.shape[1])
    weight = resample.resize_patch_kernel(weight, tuple(like.shape[-2:]))
    if like.ndim > weight.ndim:
        return resample.inflate_patch_kernel(weight, like.shape[2])
    return weight


def _fit_stem(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    return resample.adapt_channels(weight, like.shape[1])


def _fit_relative_positions(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    window, new_window = _window(len(weight), geometry.file_grid), _window(len(like), geometry.grid)
    if window == new_window:
        return weight
    return resample.resize_relative_position_table(weight, window, new_window)


def _window(rows: int, grid: Grid | None) -> tuple[int, int]:
    """Window of a relative-position table: the grid of the positions, or a square if the table is not of that grid."""
    if grid is not None and len(grid) == 2 and rows == (2 * grid[0] - 1) * (2 * grid[1] - 1) + 3:
        return grid
    side, _ = resample.square_grid(rows - 3)
    return (side + 1) // 2, (side + 1) // 2


def _fit_decomposed(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    return resample.resize_relative_position(weight, like.shape[0])


FITTERS: tuple[tuple[re.Pattern, Callable[[Tensor, Tensor, Geometry], Tensor]], ...] = tuple(
    (re.compile(pattern), fit)
    for pattern, fit in (
        (r'(.*\.)?(decoder_)?pos_embed', _fit_positions),
        (r'(.*\.)?patch_embed\.proj\.weight', _fit_patch_kernel),
        (r'(.*\.)?spm\.stem\.0\.weight', _fit_stem),
        (r'(.*\.)?relative_position_bias_table', _fit_relative_positions),
        (r'.*\.rel_pos\.[hw]', _fit_decomposed),
    )
)
# tables of the same number of rows may be of another grid
_OF_A_GRID = re.compile(r'(.*\.)?((decoder_)?pos_embed|relative_position_bias_table)')


def _fit(name: str, weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor | None:
    for pattern, fit in FITTERS:
        if pattern.fullmatch(name):
            try:
                fitted = fit(weight, like, geometry)
            # torch's refusals of sizes and dtypes that no EVA file has
            except (RuntimeError, NotImplementedError, IndexError, ZeroDivisionError) as error:
                raise ValueError(
                    f'{name} is {tuple(weight.shape)} {weight.dtype} in the file and cannot be resized to '
                    f'{tuple(like.shape)}: give a checkpoint of EVA.'
                ) from error
            return fitted if fitted.shape == like.shape else None
    return None


def drop_spare_rows(
    weights: dict[str, Tensor], target: Mapping[str, Tensor], pattern: str, report: Report
) -> dict[str, Tensor]:
    """Take the last row away from weights that have exactly one more than the model.

    Args:
        weights: Weights by their names in the model.
        target: The model's weights; only shapes count.
        pattern: Regular expression of the names.
        report: Gets ``resized``.
    """
    trimmed = {}
    for name, weight in weights.items():
        like = target.get(name)
        if like is not None and weight.ndim and re.fullmatch(pattern, name) and len(weight) == len(like) + 1:
            report.resized[name] = tuple(weight.shape), tuple(like.shape)
            weight = weight[:-1]
        trimmed[name] = weight
    return trimmed


def _is_clip(weights: Mapping[str, Tensor]) -> bool:
    return any(name.endswith('patch_embed.proj.weight') and w.ndim == 5 for name, w in weights.items())


def _wrong_model(mismatched: Mapping[str, tuple]) -> ValueError:
    name, (old, new) = next(iter(mismatched.items()))
    return ValueError(
        f'The checkpoint is of another model: {name} is {old} in the file and {new} in the model, and '
        f'{len(mismatched) - 1} more weights differ; build the model with the architecture of the file.'
    )


def fit_state_dict(
    weights: dict[str, Tensor],
    target: Mapping[str, Tensor],
    per_class: str,
    grid: Grid | None,
    report: Report,
    file_grid: Grid | None = None,
    resize: tuple[int, str] = (1, 'bicubic'),
) -> dict[str, Tensor]:
    """Resize what has another shape or another grid in ``target``; drop classifiers of other classes.

    Args:
        weights: Weights by their names in the model.
        target: The model's weights; only shapes count, they may lie on the meta device.
        per_class: Expression of names whose shape follows the number of classes.
        grid: As in :class:`Geometry`; without it, tables of the same shape are taken to be of the same grid.
        report: Gets ``resized``, ``grids`` and ``dropped``.
        file_grid: As in :class:`Geometry`.
        resize: ``rows`` and ``rule`` of :class:`Geometry`.

    Returns:
        The weights, all of them with the shape that ``target`` has.

    Raises:
        ValueError: A weight has another shape that no resizing explains, or the grid of the file is not known.
    """
    geometry = Geometry(_is_clip(weights), _is_clip(target), file_grid, grid, *resize)
    mismatched, fitted = {}, {}
    for name, weight in weights.items():
        like = target.get(name)
        if like is None or (weight.shape == like.shape and (grid is None or not _OF_A_GRID.fullmatch(name))):
            fitted[name] = weight
            continue
        shapes = tuple(weight.shape), tuple(like.shape)
        resized = None
        if per_class and re.fullmatch(per_class, name):
            report.dropped[name] = f'made for {shapes[0][0]} classes, the model has {shapes[1][0]}'
        elif (resized := _fit(name, weight, like, geometry)) is None:
            mismatched[name] = shapes
        else:
            fitted[name] = resized
            if resized is not weight:
                report.resized[name] = shapes
                if name.endswith('pos_embed'):
                    report.grids[name] = geometry.describe(weight, like)
    if mismatched:
        raise _wrong_model(mismatched)
    return fitted


def fit_to_size(
    weights: dict[str, Tensor],
    report: Report,
    patch_size: int | None = None,
    img_size: int | None = None,
    file_grid: Grid | None = None,
) -> dict[str, Tensor]:
    """Resize weights to square patches and images where there is no model to take the shapes from.

    Args:
        weights: Weights of an image model, by whatever names.
        report: Gets ``resized``.
        patch_size: Side of a patch in pixels; ``None`` keeps it.
        img_size: Side of the image in pixels; ``None`` keeps the grid.
        file_grid: As in :class:`Geometry`.

    Returns:
        All weights.

    Raises:
        ValueError: ``img_size`` is no multiple of the patch, or the model takes clips.
    """
    shapes = {name: weight.shape for name, weight in weights.items()}
    kernel = next(name for name in shapes if name.endswith('patch_embed.proj.weight'))
    patch_size = patch_size or shapes[kernel][-1]
    target = dict.fromkeys([kernel], shapes[kernel][:-2] + (patch_size, patch_size))
    if img_size is not None:
        if img_size % patch_size:
            raise ValueError(f'An image of {img_size} pixels cannot be cut into patches of {patch_size}.')
        target |= {
            name: (1, 1 + (img_size // patch_size) ** 2, shape[-1])
            for name, shape in shapes.items()
            if name.endswith('pos_embed')
        }
    empty = {name: torch.empty(shape, device='meta') for name, shape in target.items()}
    grid = (img_size // patch_size,) * 2 if img_size is not None else None
    return fit_state_dict(weights, empty, '', grid, report, file_grid)
