"""Reading the text of a config that a checkpoint carries, without running it: checkpoints come from anywhere."""

import ast
from typing import Any

from eva_mm.safe_io.printed import printable

LONGEST = 4_000_000
DEEPEST = 60
_CALLS = {'dict': dict, 'set': set}


def _value(node: ast.expr) -> Any:
    """The value of an expression of constants, lists, tuples, dicts and ``dict(...)``."""
    if isinstance(node, ast.Constant):
        return node.value
    if isinstance(node, (ast.List, ast.Tuple, ast.Set)):
        kind = {ast.List: list, ast.Tuple: tuple, ast.Set: set}[type(node)]
        return kind(_value(item) for item in node.elts)
    if isinstance(node, ast.Dict) and None not in node.keys:
        return {_value(key): _value(item) for key, item in zip(node.keys, node.values)}
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        return -_value(node.operand)
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _CALLS:
        # mmengine writes dict({...}, key=value) where a key is no name
        if all(keyword.arg for keyword in node.keywords):
            named = {keyword.arg: _value(keyword.value) for keyword in node.keywords}
            return _CALLS[node.func.id](*map(_value, node.args), **named)
    raise ValueError(f'line {node.lineno} computes something')


def read_config_text(text: str) -> dict[str, Any]:
    """The values that the text of a config assigns.

    Raises:
        ValueError: It does more than assign values.
    """
    content: dict[str, Any] = {}
    try:
        if len(text) > LONGEST:
            raise ValueError(f'it has {len(text):,} characters')
        for statement in ast.parse(text).body:
            match statement:
                case ast.Assign(targets=[ast.Name(id=name)], value=value):
                    content[name] = _value(value)
                case _:
                    raise ValueError(f'line {statement.lineno} is not an assignment')
        _check_depth(content)
    # of absurd depth, or not hashable where a key belongs
    except (ValueError, SyntaxError, TypeError, RecursionError, MemoryError) as error:
        reason = printable(' '.join(str(error).split())) or type(error).__name__
        raise ValueError(
            f'The config in the checkpoint is refused, because it is more than values ({reason}): '
            'pass the config file in front of the checkpoint.'
        ) from error
    return content


def _check_depth(content: Any) -> None:
    """Refuse a tree that later readers would fall into."""
    level = [content]
    for _ in range(DEEPEST):
        level = [
            inner
            for node in level
            for inner in (node.values() if isinstance(node, dict) else node)
            if isinstance(inner, (dict, list, tuple, set))
        ]
        if not level:
            return
    raise ValueError(f'it is nested more than {DEEPEST} levels deep')
