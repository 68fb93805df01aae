"""A shipped config as a file of one's own."""

import ast
from pathlib import Path

from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import find_model
from eva_mm.shipped import SCOPE, shipped_root


def copy_config(name: str, file: str | Path) -> None:
    """Copy a shipped config; what it inherits by a relative path it inherits by ``eva_mm::`` then.

    Args:
        name: As for :func:`eva_mm.apis.model_index.find_model`.
        file: The ``.py`` file to write, in any directory.

    Raises:
        UserError: There is no such config, or the file exists or is not a ``.py`` file.
    """
    source, file = find_model(name).config.resolve(), Path(file)
    configs = shipped_root() / 'configs'
    if not source.is_relative_to(configs):
        raise UserError(f'{name} is not a shipped config: copy it as any file.')
    if file.exists() or file.suffix != '.py':
        raise UserError(f'{file} {"exists" if file.exists() else "is not a .py file"}: pass the name of a new config.')
    text = source.read_text()
    for base in _bases(text):
        inherited = (source.parent / base).resolve().relative_to(configs)
        text = text.replace(repr(base), repr(SCOPE + inherited.as_posix()), 1)
    text = text.replace(
        f'python tools/train.py configs/{source.relative_to(configs).as_posix()}', f'eva-mm train {file}'
    )
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(text)


def _bases(text: str) -> list[str]:
    """What a config inherits by a relative path."""
    values = [
        node.value
        for node in ast.parse(text).body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == '_base_'
    ]
    found = [base for value in map(ast.literal_eval, values) for base in ([value] if isinstance(value, str) else value)]
    return [base for base in found if '::' not in base]
