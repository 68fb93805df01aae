"""``world.json``, written last: a folder without it is not a world, or only half of one."""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from .files import write_json

GENERATOR_VERSION = 3
COMPLETE, STARTED = 'world.json', 'world.unfinished.json'


class OccupiedError(ValueError):
    """The folder holds something that this run would mix with."""


@dataclass(frozen=True)
class Arguments:
    """What decides every byte of a world."""

    seed: int
    scale: float
    only: list[str]
    generator: int = GENERATOR_VERSION


def is_complete(out: Path, arguments: Arguments) -> bool:
    """Whether ``out`` already holds this very world.

    Raises:
        OccupiedError: if it holds another world, or files that are no world.
    """
    asked = asdict(arguments)
    for name in (COMPLETE, STARTED):
        if (out / name).is_file():
            found = _read(out / name).get('arguments')
            if found != asked:
                raise OccupiedError(
                    f'{out} holds a nano world made with {_words(found)}, but {_words(asked)} was '
                    'asked for: choose another folder or delete this one.'
                )
            return name == COMPLETE
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise OccupiedError(f'{out} exists and was not written by this tool: choose an empty or a new folder.')
    return False


def start(out: Path, arguments: Arguments) -> None:
    """Mark ``out`` as unfinished."""
    write_json(out / STARTED, {'arguments': asdict(arguments)})


def complete(out: Path, arguments: Arguments, sizes: dict[str, dict[str, int]], extra: dict[str, Any]) -> None:
    """Turn the mark of ``start`` into the manifest in one step."""
    content = {'arguments': asdict(arguments), 'sets': sizes, **extra}
    (out / STARTED).write_text(json.dumps(content, indent=2) + '\n')
    os.replace(out / STARTED, out / COMPLETE)


def _read(path: Path) -> dict[str, Any]:
    try:
        content = json.loads(path.read_text())
    except ValueError:
        content = None
    return content if isinstance(content, dict) else {}


def _words(arguments: Any) -> str:
    if not isinstance(arguments, dict):
        return 'unreadable arguments'
    shown = {**arguments, 'only': ' '.join(arguments.get('only', []))}
    return ', '.join(f'{key} {value}' for key, value in shown.items())
