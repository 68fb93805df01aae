"""Names and keys of foreign files, made safe to print."""

import os

_LONGEST = 300


def printable(text: str | os.PathLike, longest: int = _LONGEST) -> str:
    """Text for a terminal, a log or an error: nothing in it moves the cursor or hides what follows.

    Args:
        text: Any text; bytes of a file name that are not UTF-8 (surrogates) are taken as well.
        longest: Characters to keep; the middle of a longer text is left out.

    Returns:
        The text with control, formatting and unassigned characters escaped as in Python.
    """
    text = os.fspath(text)
    if len(text) > longest:
        half = (longest - 3) // 2
        text = f'{text[:half]}...{text[-half:]}'
    return ''.join(each if each.isprintable() else _escaped(each) for each in text)


def shown(value: object, longest: int = 80) -> str:
    """A value out of a file as :func:`printable` text."""
    return printable(str(value), longest)


def reason_of(error: BaseException | str, longest: int = 160) -> str:
    """What an error says in one :func:`printable` line; its type if it says nothing."""
    return printable(' '.join(str(error).split()), longest) or type(error).__name__


def _escaped(character: str) -> str:
    if '\udc80' <= character <= '\udcff':  # a byte of a file name
        return f'\\x{ord(character) - 0xDC00:02x}'
    return character.encode('unicode_escape').decode()


def quoted(text: str | os.PathLike) -> str:
    """:func:`printable` text in quotation marks."""
    return f"'{printable(text)}'"
