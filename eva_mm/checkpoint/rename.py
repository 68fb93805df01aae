"""Giving the weights of a file the names of a model, through the released names."""

from collections.abc import Collection, Iterable, Mapping

from torch import Tensor

from eva_mm.checkpoint.common import COMMON
from eva_mm.checkpoint.report import Report
from eva_mm.checkpoint.rules import Layout, Row, first_match, rows_for


def released_names(names: Collection[str], layout: Layout) -> dict[str, tuple[str, str]]:
    """Each name of a file with ``(released name, '')``, or with ``('', reason)`` where the layout drops it.

    The rows of the layout come first, then :data:`COMMON`, which take its names.
    """
    released = {name: (name, '') for name in names}
    for rows in (rows_for(layout.rows, names), rows_for(COMMON, names)):
        for name, (new, _) in released.items():
            if match := new and first_match(new, rows):
                row, to = match
                released[name] = to or '', row.reason
    return released


def rename(
    weights: Mapping[str, Tensor],
    released: Mapping[str, tuple[str, str]],
    rows: Iterable[Row],
    report: Report,
    target: Collection[str] | None = None,
    only: str = '',
) -> dict[str, Tensor]:
    """Apply the rows of a task or of an export to released names.

    Args:
        weights: Weights by their names in the file.
        released: What :func:`released_names` says of them.
        rows: The first row that matches counts.
        report: Gets ``renamed``, ``dropped`` and ``unexpected``.
        target: Names that the model has; ``None`` if there is no model to ask.
        only: Take only weights whose new name starts so.

    Returns:
        The weights by their new names.

    Raises:
        ValueError: A weight is not zero that must be.
    """
    compiled = rows_for(rows, {name for name, _ in released.values()})
    renamed = {}
    for name, weight in weights.items():
        bare, reason = released[name]
        row, new = (bare and first_match(bare, compiled)) or (None, None)
        if new is not None and not new.startswith(only):
            report.dropped[name] = f'only {only}* is wanted'
        elif new is not None and (row.assume if target is None else new in target):
            renamed[new] = weight
            if new != name:
                report.renamed[name] = new
        elif row and row.zero and weight.count_nonzero():
            if row.to is None:
                raise ValueError(f'{name} must be zero, and it is not: {row.reason}.')
            report.unexpected.append(name)
        elif reason or (row and row.reason):
            report.dropped[name] = reason or row.reason
        else:
            report.unexpected.append(name)
    return renamed
