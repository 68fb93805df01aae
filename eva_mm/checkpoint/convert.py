"""Any published EVA state dict to the state dict of a model of this package."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from eva_mm.checkpoint.assemble import assemble
from eva_mm.checkpoint.file_grid import recorded_grid
from eva_mm.checkpoint.fit import drop_spare_rows, fit_state_dict
from eva_mm.checkpoint.key_tables import key_table
from eva_mm.checkpoint.layouts import find_layout
from eva_mm.checkpoint.rename import released_names, rename
from eva_mm.checkpoint.report import Report, fold_names
from eva_mm.checkpoint.rules import KeyTable, Layout, Row, any_match
from eva_mm.checkpoint.unwrap import is_averaged, unwrap
from eva_mm.safe_io.weights import value_problem

AS_IT_IS = (Row(r'(.*)', r'\1'),)
OWN = Layout('eva_mm', ())


class Conversion(NamedTuple):
    """Result of :func:`convert_state_dict`.

    Attributes:
        state_dict: Weights by their names in the model.
        report: What happened to each weight.
    """

    state_dict: dict[str, Tensor]
    report: Report


def _compare(table: KeyTable, target: Mapping[str, Tensor], report: Report) -> None:
    for name in target:
        if name in report.loaded:
            continue
        fresh = next((row for row in table.fresh if re.fullmatch(row.pattern, name)), None)
        if fresh is None:
            report.missing.append(name)
        else:
            report.fresh[name] = fresh.reason
    blocks = {re.match(r'.*blocks\.\d+\.', name) for name in report.loaded} - {None}
    halved = [name for name in report.missing if name.startswith(tuple({match[0] for match in blocks}))]
    if halved:
        raise ValueError(
            f'The checkpoint has only some of the weights of blocks: it lacks {fold_names(halved)}. '
            'Give a file of the same architecture.'
        )


def convert_state_dict(
    state_dict: Mapping[str, Any],
    task: str,
    source: str = 'auto',
    target: Mapping[str, Tensor] | None = None,
    grid: tuple[int, ...] | None = None,
    only: str = '',
    file_grid: tuple[int, ...] | None = None,
    resize: tuple[int, str] = (1, 'bicubic'),
) -> Conversion:
    """Convert the weights of any EVA checkpoint to those of the model that this task's configs build.

    At the same sizes the result loads with ``strict=True``. No weight is copied unless it is resized.

    Args:
        state_dict: Weights, or a checkpoint that has them under ``model``, ``module`` or ``state_dict``.
        task: ``'pretrain'``, ``'classification'``, ``'detection'``, ``'segmentation'``, ``'video'`` or ``'clip'``.
        source: Layout of the file: ``'auto'``, or one of ``eva_mm.checkpoint.layouts.LAYOUTS``.
        target: ``model.state_dict()`` of the model, for resizing positions, patch kernels and relative-position
            tables, for dropping classifiers of other classes, and for telling what is missing. Only names and shapes
            are read.
        grid: Patches of the target's positions, (H, W) or (T, H, W). Needed where they are not square, and from one
            clip length to another.
        only: Take only weights whose name in the model starts so, for instance ``'backbone.'``.
        file_grid: Patches of the file's positions. Needed where the file does not say it and it is not that of a
            released model: see :mod:`eva_mm.checkpoint.file_grid`.
        resize: Rows of the position table that belong to no patch, and how the others are resized: a name of
            :data:`eva_mm.layers.position_embedding.RESIZE_RULES`.

    Returns:
        The weights and the report. Resized weights are fp32, others keep their dtype.

    Raises:
        ValueError: Unknown task or source, no weights, no EVA checkpoint, one of another architecture, with values that
            no weight can have, or whose grid is not known.
    """
    table = key_table(task)
    weights = unwrap(state_dict)
    of_the_model = source == 'auto' and target is not None and weights.keys() <= target.keys()
    layout = OWN if of_the_model else find_layout(weights, source)
    report = Report(task, layout.name + ', averaged weights' * is_averaged(state_dict))
    if of_the_model or (layout.name == OWN.name and table.own and any_match(table.own, weights)):
        layout, table = OWN, replace(table, rows=AS_IT_IS)
    weights, released = assemble(weights, released_names(weights, layout))
    renamed = rename(weights, released, table.rows, report, target, only)
    if problem := value_problem(renamed, target):
        raise ValueError(f'The checkpoint cannot be used: {problem}.')
    if target is not None:
        spare, mark = table.spare_rows
        if mark and any_match(mark, weights):
            renamed = drop_spare_rows(renamed, target, spare, report)
        file_grid = file_grid or recorded_grid(state_dict)
        renamed = fit_state_dict(renamed, target, table.per_class, grid, report, file_grid, resize)
    report.loaded = list(renamed)
    if target is not None:
        _compare(table, target, report)
    return Conversion(renamed, report)
