"""Making weights fit a model of another image size, patch size, clip length or window."""

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from eva_mm.checkpoint import resample
from eva_mm.checkpoint.report import Report

Grid = tuple[int, ...]


@dataclass(frozen=True)
class Geometry:
    """What the resizing of one weight has to know about the others.

    Attributes:
        clip_file: The file's model takes clips.
        clip_model: The model that the weights are for takes clips.
        grid: (H, W) or (T, H, W) of the model's positions; ``None`` if it has to be inferred.
        rows: Positions in front that belong to no patch.
        rule: How the others are resized.
    """

    clip_file: bool
    clip_model: bool
    grid: Grid | None
    rows: int
    rule: str


def _position_grids(tokens: int, new_tokens: int, geometry: Geometry) -> tuple[Grid, Grid]:
    grid = geometry.grid
    if not geometry.clip_model:
        if geometry.clip_file:
            raise ValueError('The checkpoint is of a video model, whose positions cannot serve images.')
        return resample.square_grid(tokens), grid or resample.square_grid(new_tokens)
    if not geometry.clip_file:
        image = resample.square_grid(tokens)
        return image, grid or (new_tokens // tokens, *image)
    if grid is None or tokens % math.prod(grid[1:]):
        raise ValueError(
            f'A clip of {tokens} patches cannot be cut into frames of {(grid or ("H", "W"))[-2:]} patches: '
            'give the grid of the model as (T, H, W), with the height and width that the file was trained at.'
        )
    return (tokens // math.prod(grid[1:]), *grid[1:]), grid


def _fit_positions(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    rows = geometry.rows
    grid, new_grid = _position_grids(weight.shape[1] - rows, like.shape[1] - rows, geometry)
    return resample.resize_positions(weight, grid, new_grid, rows, geometry.rule)


def _fit_patch_kernel(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    weight = resample.resize_patch_kernel(weight, tuple(like.shape[-2:]))
    if like.ndim > weight.ndim:
        return resample.inflate_patch_kernel(weight, like.shape[2])
    return weight


def _fit_relative_positions(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    windows = []
    for rows in (weight.shape[0], like.shape[0]):
        side, _ = resample.square_grid(rows - 3)
        windows.append(((side + 1) // 2,) * 2)
    return resample.resize_relative_position_table(weight, *windows)


def _fit_decomposed(weight: Tensor, like: Tensor, geometry: Geometry) -> Tensor:
    return resample.resize_relative_position(weight, like.shape[0])


FITTERS: tuple[tuple[re.Pattern, Callable[[Tensor, Tensor, Geometry], Tensor]], ...] = tuple(
    (re.compile(pattern), fit)
    for pattern, fit in (
        (r'(.*\.)?(decoder_)?pos_embed', _fit_positions),
        (r'(.*\.)?patch_embed\.proj\.weight', _fit_patch_kernel),
        (r'(.*\.)?relative_position_bias_table', _fit_relative_positions),
        (r'.*\.rel_pos\.[hw]', _fit_decomposed),
    )
)


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
    resize: tuple[int, str] = (1, 'bicubic'),
) -> dict[str, Tensor]:
    """Resize what has another shape in ``target``; drop classifiers of other classes.

    Args:
        weights: Weights by their names in the model.
        target: The model's weights; only shapes count, they may lie on the meta device.
        per_class: Expression of names whose shape follows the number of classes.
        grid: As in :class:`Geometry`.
        report: Gets ``resized`` and ``dropped``.
        resize: ``rows`` and ``rule`` of :class:`Geometry`.

    Returns:
        The weights, all of them with the shape that ``target`` has.

    Raises:
        ValueError: A weight has another shape that no resizing explains.
    """
    geometry = Geometry(_is_clip(weights), _is_clip(target), grid, *resize)
    mismatched, fitted = {}, {}
    for name, weight in weights.items():
        like = target.get(name)
        if like is None or weight.shape == like.shape:
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
            report.resized[name] = shapes
    if mismatched:
        raise _wrong_model(mismatched)
    return fitted


def fit_to_size(
    weights: dict[str, Tensor], report: Report, patch_size: int | None = None, img_size: int | None = None
) -> dict[str, Tensor]:
    """Resize weights to square patches and images where there is no model to take the shapes from.

    Args:
        weights: Weights of an image model, by whatever names.
        report: Gets ``resized``.
        patch_size: Side of a patch in pixels; ``None`` keeps it.
        img_size: Side of the image in pixels; ``None`` keeps the grid.

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
    return fit_state_dict(weights, empty, '', None, report)
