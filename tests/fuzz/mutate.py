"""Random damage to bytes and to trees of plain values; a case is a function of its number alone."""

import random
from collections.abc import Sequence
from typing import Any

# bytes that mean something in pickles, archives, JSON and csv
_TOKENS = (
    b'PK\x01\x02', b'PK\x03\x04', b'PK\x05\x06', b'\x80\x02', b'cos\nsystem\n', b'cbuiltins\neval\n', b'R', b'(',
    b'.', b'q\x00', b'r\xff\xff\xff\x7f', b'[' * 50, b'{"', b'"', b',', b'\n', b'\r', b'\t', b'\0', b'\xef\xbb\xbf',
    b'\xff\xfe', b'NaN', b'1e999', b'-1', b'../', b'/etc/passwd', b'\x1b[2J', b'ustar', b'\x1f\x8b', b'9' * 30,
    b'\x7f' * 8, b'\xff' * 8, b'\0' * 512,
)  # fmt: skip
_NUMBERS = (0, -1, 1, 2**31 - 1, 2**31, 2**32, 2**63, 2**64, 10**400, 1e9, -1e9, 1e308, float('nan'), float('inf'), 0.5)
_TEXTS = (
    '', 'x', '../x', '/etc/passwd', '\0', '\x1b[2J\r', '\u202e', 'a' * 5000, 'os.system', 'os.mkdir', 'builtins.eval',
    'subprocess.call', 'http://127.0.0.1:1/x', 'x.pkl', 'pipe:touch canary', '{}', 'mmengine.utils.call_command',
)  # fmt: skip


def damaged_bytes(rng: random.Random, content: bytes) -> bytes:
    """Content with up to six edits."""
    content = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 3, 6))):
        size = len(content)
        at = rng.randrange(size + 1)
        kind = rng.randrange(8)
        if kind == 0 and size:
            content[at % size] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[at : at + rng.randrange(1, 9)] = rng.randbytes(rng.randrange(1, 9))
        elif kind == 2:
            content[at:at] = rng.randbytes(rng.randrange(1, 40))
        elif kind == 3:
            del content[at : at + rng.randrange(1, 200)]
        elif kind == 4:
            del content[at:]
        elif kind == 5:
            content[at:at] = content[at : at + rng.randrange(1, 600)]
        elif kind == 6:
            token = rng.choice(_TOKENS)
            content[at : at + rng.choice((0, len(token)))] = token
        else:
            width = rng.choice((1, 2, 4, 8))
            number = rng.choice((0, 1, 255, 2**31, 2**32 - 1, 2**60, 2**64 - 1))
            content[at : at + width] = number.to_bytes(9, 'little')[:width]
    return bytes(content)


def _value(rng: random.Random) -> Any:
    kind = rng.randrange(7)
    if kind < 2:
        return rng.choice(_NUMBERS)
    if kind < 4:
        return rng.choice(_TEXTS)
    return rng.choice((None, True, [], {}, [[]], [None] * 3, {'a': {}}, [rng.choice(_NUMBERS) for _ in range(6)]))


def _places(tree: Any, path: tuple = ()) -> list[tuple]:
    found = [path]
    for key, value in _items(tree):
        found += _places(value, (*path, key))
    return found


def _items(tree: Any) -> list[tuple]:
    if isinstance(tree, dict):
        return list(tree.items())
    return list(enumerate(tree)) if isinstance(tree, list) else []


def changed(tree: Any, path: tuple, new: Any) -> Any:
    """A copy of a tree with another value in one place."""
    if not path:
        return new
    copy = dict(tree) if isinstance(tree, dict) else list(tree)
    copy[path[0]] = changed(copy[path[0]], path[1:], new)
    return copy


def damaged_tree(rng: random.Random, tree: Any, values: Sequence[Any] = ()) -> Any:
    """A tree of plain values in which one to three parts are others, absent, doubled or nested deeply."""
    for _ in range(rng.choice((1, 1, 2, 3))):
        path = rng.choice(_places(tree))
        old = tree
        for key in path:
            old = old[key]
        kind = rng.randrange(8)
        if kind == 0 and path and isinstance(path[-1], str):
            parent = tree
            for key in path[:-1]:
                parent = parent[key]
            tree = changed(tree, path[:-1], {key: each for key, each in parent.items() if key != path[-1]})
        elif kind == 1:
            tree = changed(tree, path, [old, old])
        elif kind == 2:
            deep = old
            for _ in range(rng.choice((3, 50, 150))):
                deep = [deep]
            tree = changed(tree, path, deep)
        elif kind < 5 and values:
            tree = changed(tree, path, rng.choice(values))
        else:
            tree = changed(tree, path, _value(rng))
    return tree
