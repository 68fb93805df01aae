"""Rows of one classifier that start another: the 722-way Kinetics head gives those of 400, 600 and 700 classes."""

import os
from collections.abc import Sequence
from pathlib import Path

from torch import Tensor

from eva_mm.safe_io.files import read_lines

# a class that the other classifier does not know
NO_ROW = -1


def read_class_rows(path: str | os.PathLike) -> list[int]:
    """Read a row map: a line per class, which begins with the row and goes on with the name, which is not read.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: A line does not begin with a whole number.
    """
    path = Path(path)
    if not path.is_file():
        raise FileNotFoundError(
            f'There is no row map {path}: make it with tools/dataset_converters/make_k722.py, or give another file.'
        )
    rows = []
    for number, line in enumerate(read_lines(path), 1):
        try:
            rows.append(int(line.split(maxsplit=1)[0]))
        except (IndexError, ValueError):
            raise ValueError(
                f'Line {number} of {path} is {line!r}, expected a row number, for instance "12 archery".'
            ) from None
    return rows


def select_class_rows(weight: Tensor, rows: Sequence[int], initial: Tensor) -> Tensor:
    """Take the rows of a classifier that stand for other classes.

    Args:
        weight: (K, ...), weight or bias of the classifier of K classes.
        rows: For each of the K' classes wanted its row of ``weight``, or :data:`NO_ROW`.
        initial: (K', ...), what classes without a row get.

    Returns:
        (K', ...) in the dtype of ``initial``.

    Raises:
        ValueError: There are not K' rows, or one is beyond ``weight``.
    """
    if len(rows) != len(initial):
        raise ValueError(
            f'The row map has {len(rows)} classes and the classifier {len(initial)}: give the map of this data set.'
        )
    if not all(NO_ROW <= row < len(weight) for row in rows):
        raise ValueError(
            f'The row map asks for row {max(rows, key=abs)}, the classifier of the file has {len(weight)}: '
            'give the file and the map that belong together.'
        )
    chosen = initial.clone()
    known = [index for index, row in enumerate(rows) if row != NO_ROW]
    chosen[known] = weight[[rows[index] for index in known]].to(initial.dtype)
    return chosen
