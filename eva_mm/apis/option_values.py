"""Values of ``--cfg-options``: text to numbers, texts, lists, tuples and dicts, without running code."""

from collections.abc import Iterator
from typing import Any

_CLOSING = {'[': ']', '(': ')', '{': '}'}


def parse_value(text: str) -> Any:
    """What a value of ``KEY=VALUE`` means.

    Numbers, ``True``, ``False`` and ``None`` are what they are; ``[...]``, ``(...)``, ``{key: value}`` and
    ``dict(key=value)`` may be nested; what a comma separates outside of brackets and quotes is a list. Everything else
    is a text, whose spaces stay; quotes around it are dropped and keep commas and brackets in it.

    Args:
        text: For instance ``[dict(type=A, x=1), 'a photo of a {}, close']``.

    Returns:
        The value. A text whose brackets do not match is taken as it is.
    """
    text = text.strip()
    try:
        parts = list(_split(text, ','))
    except ValueError:
        return text
    if len(parts) > 1:
        return [parse_value(part) for part in parts if part.strip()]
    return _parse_one(text)


def _parse_one(text: str) -> Any:
    if len(text) > 1 and text[0] in '\'"' and text[0] not in text[1:-1] and text[-1] == text[0]:
        return text[1:-1]
    if text.startswith('dict(') and _is_closed(text[4:]):
        pairs = _pairs(text[5:-1], '=')
        return text if pairs is None else pairs
    if text[:1] in _CLOSING and _is_closed(text):
        if text[0] == '{':
            pairs = _pairs(text[1:-1], ':')
            return text if pairs is None else pairs
        items = [parse_value(part) for part in _split(text[1:-1], ',') if part.strip()]
        return items if text[0] == '[' else tuple(items)
    return _parse_plain(text)


def _parse_plain(text: str) -> Any:
    for number in (int, float):
        try:
            return number(text)
        except ValueError:
            pass
    if text.lower() in ('true', 'false'):
        return text.lower() == 'true'
    return None if text == 'None' else text


def _is_closed(text: str) -> bool:
    """Whether the last character closes the bracket that the first one opens."""
    if text[-1] != _CLOSING[text[0]]:
        return False
    try:
        list(_split(text[1:-1], ','))
    except ValueError:
        return False
    return True


def _pairs(text: str, between: str) -> dict | None:
    pairs = {}
    for part in _split(text, ','):
        if not part.strip():
            continue
        key, *value = _split(part, between, once=True)
        if not value:
            return None
        pairs[_parse_one(key.strip())] = parse_value(value[0])
    return pairs


def _split(text: str, separator: str, once: bool = False) -> Iterator[str]:
    """Parts between separators that are in no brackets and in no quotes; a quote within a word is a letter.

    Raises:
        ValueError: Brackets or quotes do not match.
    """
    open_brackets: list[str] = []
    quote, begins, start = '', True, 0
    for index, letter in enumerate(text):
        if quote:
            quote = '' if letter == quote else quote
        elif letter in '\'"' and begins:
            quote, begins = letter, False
        elif letter in _CLOSING:
            open_brackets.append(_CLOSING[letter])
            begins = True
        elif letter in _CLOSING.values():
            if not open_brackets or open_brackets.pop() != letter:
                raise ValueError(f'{letter} closes no bracket')
            begins = False
        elif letter == separator and not open_brackets and not (once and start):
            yield text[start:index]
            start, begins = index + 1, True
        else:
            begins = letter in ',:=' or begins and letter.isspace()
    if open_brackets or quote:
        raise ValueError('a bracket or quote is not closed')
    yield text[start:]
