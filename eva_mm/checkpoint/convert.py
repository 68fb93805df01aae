"""Any published EVA state dict to the state dict of a model of this package."""

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from torch import Tensor

from eva_mm.checkpoint.assemble import assemble
from eva_mm.checkpoint.fit import drop_spare_rows, fit_state_dict
from eva_mm.checkpoint.key_tables import key_table
from eva_mm.checkpoint.layouts import find_layout
from eva_mm.checkpoint.rename import released_names, rename
from eva_mm.checkpoint.report import Report, fold_names
from eva_mm.checkpoint.rules import KeyTable, Layout, Row, any_match

# under which checkpoints keep their weights, in the order they are asked
WRAPPERS = ('state_dict', 'model', 'module')

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


def unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint: what lies under :data:`WRAPPERS`, without ``module.`` before every name.

    Raises:
        ValueError: It holds no tensors.
    """
    # each at most once: a file may hold a dict that contains itself
    for _ in WRAPPERS:
        wrapper = next((key for key in WRAPPERS if isinstance(checkpoint.get(key), Mapping)), None)
        checkpoint = checkpoint[wrapper] if wrapper else checkpoint
    weights = {name: each for name, each in checkpoint.items() if isinstance(name, str) and isinstance(each, Tensor)}
    if not weights:
        raise ValueError(
            f'The checkpoint holds no weights: its keys are {", ".join(map(str, list(checkpoint)[:5])) or "none"}; '
            f'expected tensors, on top or under {", ".join(WRAPPERS)}.'
        )
    if all(name.startswith('module.') for name in weights):
        weights = {name.removeprefix('module.'): value for name, value in weights.items()}
    return weights


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
        resize: Rows of the position table that belong to no patch, and how the others are resized: a name of
            :data:`eva_mm.layers.position_embedding.RESIZE_RULES`.

    Returns:
        The weights and the report. Resized weights are fp32, others keep their dtype.

    Raises:
        ValueError: Unknown task or source, no weights, no EVA checkpoint, or one of another architecture.
    """
    table = key_table(task)
    weights = unwrap(state_dict)
    of_the_model = source == 'auto' and target is not None and weights.keys() <= target.keys()
    layout = OWN if of_the_model else find_layout(weights, source)
    report = Report(task, layout.name)
    if of_the_model or (layout.name == OWN.name and table.own and any_match(table.own, weights)):
        layout, table = OWN, replace(table, rows=AS_IT_IS)
    weights, released = assemble(weights, released_names(weights, layout))
    renamed = rename(weights, released, table.rows, report, target, only)
    if target is not None:
        spare, mark = table.spare_rows
        if mark and any_match(mark, weights):
            renamed = drop_spare_rows(renamed, target, spare, report)
        renamed = fit_state_dict(renamed, target, table.per_class, grid, report, resize)
    report.loaded = list(renamed)
    if target is not None:
        _compare(table, target, report)
    return Conversion(renamed, report)
