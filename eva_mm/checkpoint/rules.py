"""The rows that key tables are made of, and what they do to a name."""

import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass


@dataclass(frozen=True)
class Row:
    """What becomes of the weights whose whole name matches ``pattern``.

    Attributes:
        pattern: Regular expression.
        to: Template of the new name (``re.Match.expand``); ``None`` drops the weight.
        reason: Why it is dropped. With ``to``: why it is dropped when the model has no such weight; empty if such a
            model cannot take the file.
        having: The row holds only for files one of whose names matches this expression.
        assume: With ``to``: whether the model has the weight when no model is at hand to ask.
        zero: The weight is dropped only if it is zero. Otherwise it is unexpected, or without ``to`` an error.
    """

    pattern: str
    to: str | None = None
    reason: str = ''
    having: str = ''
    assume: bool = True
    zero: bool = False


@dataclass(frozen=True)
class Fresh:
    """Weights of the model that a file may lack on purpose.

    Attributes:
        pattern: Regular expression that the whole name in the model matches.
        reason: What they start from, and why no file has them.
    """

    pattern: str
    reason: str


@dataclass(frozen=True)
class Layout:
    """A way to name the weights of EVA.

    Attributes:
        name: Value of ``source``.
        marks: Regular expressions; a file has this layout if each matches one of its names.
        rows: From its names to the released ones, trunk without any prefix. Names that no row matches stay.
    """

    name: str
    marks: tuple[str, ...]
    rows: tuple[Row, ...] = ()


@dataclass(frozen=True)
class KeyTable:
    """All that is known about the names of one task.

    Attributes:
        rows: From released names to those of the model that the task's config builds. The first row that matches
            counts; a name that no row matches is unexpected.
        own: Regular expression of names that only checkpoints of this task's own models have; such files are taken
            as they are. Empty if the released names are the model's.
        to_released: From names of the task's own models to released ones, for other tasks and for export.
        trunk: What stands before the backbone's names in the model.
        fresh: Weights of the model that a file may lack.
        per_class: Regular expression of names, in the model, whose shape follows the number of classes. They are
            dropped when file and model differ in it.
        spare_rows: Regular expression of such names whose last row no model uses, and of a released name that only
            files with such rows have. A model may lack the row.
        layouts: Layouts of published files of this task. Asked before the general ones.
    """

    rows: tuple[Row, ...]
    own: str = ''
    to_released: tuple[Row, ...] = (Row(r'backbone\.(.*)', r'\1'),)
    trunk: str = 'backbone.'
    fresh: tuple[Fresh, ...] = ()
    per_class: str = ''
    spare_rows: tuple[str, str] = ('', '')
    layouts: tuple[Layout, ...] = ()


def any_match(pattern: str, names: Iterable[str]) -> bool:
    """Whether ``pattern`` matches one of ``names`` as a whole."""
    compiled = re.compile(pattern)
    return any(compiled.fullmatch(name) for name in names)


def rows_for(rows: Iterable[Row], names: Collection[str]) -> list[tuple[re.Pattern, Row]]:
    """The rows that hold for a file with these names, compiled."""
    return [(re.compile(row.pattern), row) for row in rows if not row.having or any_match(row.having, names)]


def first_match(name: str, rows: Iterable[tuple[re.Pattern, Row]]) -> tuple[Row, str | None] | None:
    """The first row that matches, with the new name; ``None`` if no row does."""
    for pattern, row in rows:
        if match := pattern.fullmatch(name):
            return row, None if row.to is None else match.expand(row.to)
    return None
