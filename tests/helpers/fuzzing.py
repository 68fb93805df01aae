"""What the fuzz tests share: how many cases, damaged bytes, damaged JSON.

``EVA_MM_FUZZ_CASES`` cases are tried by each test (default 200, always the same ones; with the variable set, new ones
each time):

    EVA_MM_FUZZ_CASES=20000 python -m pytest tests/fuzz
"""

import os

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

VARIABLE = 'EVA_MM_FUZZ_CASES'
CASES = int(os.environ.get(VARIABLE, 200))
fuzz = settings(
    max_examples=CASES,
    deadline=None,
    database=None,
    derandomize=VARIABLE not in os.environ,
    suppress_health_check=list(HealthCheck),
)

# what a reader may raise; everything else is a defect of the reader
REFUSALS = (ValueError, FileNotFoundError)

_PLACES = st.floats(0, 1, exclude_max=True)
_EDITS = st.one_of(
    st.tuples(st.just('set'), _PLACES, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just('insert'), _PLACES, st.binary(min_size=1, max_size=8)),
    st.tuples(st.just('delete'), _PLACES, st.integers(1, 64)),
    st.tuples(st.just('cut'), _PLACES, st.none()),
    st.tuples(st.just('repeat'), _PLACES, st.integers(1, 64)),
)


def _edited(content: bytes, edit: tuple) -> bytes:
    kind, place, value = edit
    at = int(place * len(content))
    head, tail = content[:at], content[at:]
    if kind == 'set':
        return head + value + tail[len(value) :]
    if kind == 'insert':
        return head + value + tail
    if kind == 'delete':
        return head + tail[value:]
    if kind == 'repeat':
        return head + tail[:value] + tail
    return head


@st.composite
def damaged(draw, *contents: bytes) -> bytes:
    """One of these contents with up to five edits."""
    content = draw(st.sampled_from(contents))
    for edit in draw(st.lists(_EDITS, min_size=1, max_size=5)):
        content = _edited(content, edit)
    return content


NUMBERS = st.one_of(st.integers(-3, 9), st.integers(), st.floats(), st.just(10**400))
JSON = st.recursive(
    st.one_of(st.none(), st.booleans(), NUMBERS, st.text(max_size=5)),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=5), inner, max_size=3)),
    max_leaves=6,
)


def _paths(value: object, path: tuple = ()) -> list[tuple]:
    found = [path]
    if isinstance(value, dict | list):
        for key, inner in value.items() if isinstance(value, dict) else enumerate(value):
            found += _paths(inner, (*path, key))
    return found


def _replaced(value: object, path: tuple, new: object) -> object:
    if not path:
        return new
    copy = dict(value) if isinstance(value, dict) else list(value)
    copy[path[0]] = _replaced(copy[path[0]], path[1:], new)
    return copy


@st.composite
def wrong(draw, sound: object) -> object:
    """A JSON value in which one to three parts were replaced by anything, or dropped from their dict."""
    value = sound
    for _ in range(draw(st.integers(1, 3))):
        path = draw(st.sampled_from(_paths(value)))
        parent = value
        for key in path[:-1]:
            parent = parent[key]
        if path and isinstance(parent, dict) and draw(st.booleans()):
            value = _replaced(value, path[:-1], {key: each for key, each in parent.items() if key != path[-1]})
        else:
            value = _replaced(value, path, draw(JSON))
    return value


def is_sentence(error: BaseException) -> bool:
    """Whether an error says something to a person."""
    return len(str(error).split()) >= 5
