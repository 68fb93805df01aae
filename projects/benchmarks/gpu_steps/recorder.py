"""Results of a step: one JSON object a line in a file, written as each is known, so that a killed step keeps them."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

OK, BEYOND, SKIPPED, FAILED = 'ok', 'beyond its bound', 'skipped', 'failed'

# in what torch says of an operator that a precision lacks, and of compiling without a compiler
_NOT_THERE = ('not implemented for', 'C compiler', 'C++ compiler')


def _one_line(error: BaseException) -> str:
    text = ' '.join(str(error).split()) or type(error).__name__
    return text if len(text) <= 200 else text[:197] + '...'


def verdict(error: Exception) -> tuple[str, str]:
    """Status and one line for what went wrong in a case.

    A missing package, too little device memory, an operator that torch does not have in a precision and a missing
    compiler are skipped; everything else has failed.
    """
    name, text = type(error).__name__, _one_line(error)
    if isinstance(error, ModuleNotFoundError) and error.name:
        return SKIPPED, f'the package {error.name.partition(".")[0]} is missing'
    if isinstance(error, ImportError):
        return SKIPPED, text
    if name in ('OutOfMemoryError', 'MemoryError') or 'out of memory' in text:
        return SKIPPED, 'out of memory'
    if isinstance(error, NotImplementedError) or any(sign in text for sign in _NOT_THERE):
        return SKIPPED, text
    return FAILED, f'{name}: {text}'


class Recorder:
    """Appends rows to a file. Forked processes may share it: each row is one write.

    Args:
        file: JSON lines.
    """

    def __init__(self, file: Path) -> None:
        self.descriptor = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def add(self, case: str, status: str = OK, **values: Any) -> None:
        """Record one row."""
        line = json.dumps({'case': case, 'status': status, **values})
        os.write(self.descriptor, f'{line}\n'.encode())

    @contextmanager
    def case(self, name: str, **values: Any) -> Iterator[None]:
        """Record what goes wrong inside as a row of this name, and go on."""
        try:
            yield
        except Exception as error:
            status, message = verdict(error)
            self.add(name, status, **values, message=message)


def read(file: Path) -> list[dict[str, Any]]:
    """All whole rows of a file; the last line of a killed process may be torn."""
    if not file.is_file():
        return []
    rows = []
    for line in file.read_text().splitlines():
        try:
            rows.append(json.loads(line))
        except ValueError:
            continue
    return rows
