"""Opening files: regular ones only, text with or without a byte order mark, JSON and csv with the line of an error."""

import codecs
import csv
import errno
import io
import json
import os
import stat
from collections.abc import Iterator
from typing import Any, BinaryIO

from eva_mm.safe_io.printed import printable

_KINDS = (
    (stat.S_ISDIR, 'a directory'),
    (stat.S_ISFIFO, 'a named pipe'),
    (stat.S_ISSOCK, 'a socket'),
    (stat.S_ISCHR, 'a character device'),
    (stat.S_ISBLK, 'a block device'),
)
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


class NotRegularError(ValueError):
    """A directory, pipe, device, socket or circular link stands where a file is expected."""


def check_regular(path: str | os.PathLike) -> os.stat_result:
    """Make sure, without opening it, that a path leads to a regular file.

    Raises:
        FileNotFoundError: There is no such file.
        NotRegularError: It is a directory, named pipe, device, socket, or a link that leads back to itself.
        OSError: It cannot be looked up.
    """
    try:
        status = os.stat(path)
    except ValueError as error:  # a null character
        raise FileNotFoundError(f'{printable(path)} is not the name of a file.') from error
    except OSError as error:
        if error.errno == errno.ELOOP:
            raise NotRegularError(f'{printable(path)} is a symbolic link to itself; pass a regular file.') from error
        if error.errno in (errno.ENOENT, errno.ENOTDIR):
            raise FileNotFoundError(error.errno, 'File not found', printable(path)) from error
        raise
    _refuse_others(path, status)
    return status


def _refuse_others(path: str | os.PathLike, status: os.stat_result) -> None:
    if not stat.S_ISREG(status.st_mode):
        kind = next((name for is_kind, name in _KINDS if is_kind(status.st_mode)), 'not a file')
        raise NotRegularError(f'{printable(path)} is {kind}; pass a regular file.')


def open_regular(path: str | os.PathLike) -> BinaryIO:
    """Open a regular file for reading; nothing else is opened, so nothing can block or deliver without end.

    Raises:
        FileNotFoundError, NotRegularError, OSError: As :func:`check_regular`.
    """
    check_regular(path)
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        # the path may lead elsewhere by now
        _refuse_others(path, os.fstat(descriptor))
    except NotRegularError:
        os.close(descriptor)
        raise
    return os.fdopen(descriptor, 'rb')


def read_bytes(path: str | os.PathLike, max_bytes: int | None = None) -> bytes:
    """The content of a regular file.

    Raises:
        FileNotFoundError, NotRegularError, OSError: As :func:`check_regular`.
        ValueError: It is larger than ``max_bytes``.
    """
    with open_regular(path) as file:
        if max_bytes is None:
            return file.read()
        content = file.read(max_bytes + 1)
    if len(content) > max_bytes:
        raise ValueError(f'{printable(path)} has more than {max_bytes:,} bytes; use a smaller file.')
    return content


def decode_text(content: bytes, path: str | os.PathLike) -> str:
    """UTF-8 with or without a byte order mark, or UTF-16 with one.

    Raises:
        ValueError: It is neither; the message has the line.
    """
    try:
        return content.decode('utf-16' if content.startswith(_UTF16) else 'utf-8-sig')
    except UnicodeDecodeError as error:
        line = content.count(b'\n', 0, error.start) + 1
        raise ValueError(f'{printable(path)}, line {line}: not UTF-8 text; save the file as UTF-8.') from error


def read_text(path: str | os.PathLike) -> str:
    """The text of a regular file.

    Raises:
        FileNotFoundError, NotRegularError, OSError: As :func:`check_regular`.
        ValueError: As :func:`decode_text`.
    """
    return decode_text(read_bytes(path), path)


def parse_json(text: str, path: str | os.PathLike) -> Any:
    """The value of a JSON text.

    Raises:
        ValueError: It is not JSON, or nested too deeply; the message has the file and the line.
    """
    try:
        return json.loads(text)
    except json.JSONDecodeError as error:
        raise ValueError(f'{printable(path)}, line {error.lineno}: not JSON ({error.msg}).') from error
    except ValueError as error:  # a number of more digits than Python converts
        raise ValueError(f'{printable(path)} is not JSON ({error}).') from error
    except RecursionError as error:
        raise ValueError(f'{printable(path)} is not usable JSON: it is nested too deeply.') from error


def read_json(path: str | os.PathLike) -> Any:
    """The value of a JSON file; a byte order mark is accepted.

    Raises:
        FileNotFoundError, NotRegularError, OSError: As :func:`check_regular`.
        ValueError: As :func:`decode_text` and :func:`parse_json`.
    """
    return parse_json(read_text(path), path)


def read_lines(path: str | os.PathLike) -> list[str]:
    """The lines of a text file, without their ends; only newlines end a line, no other separator of Unicode.

    Raises:
        FileNotFoundError, NotRegularError, OSError, ValueError: As :func:`read_text`.
    """
    lines = read_text(path).replace('\r\n', '\n').replace('\r', '\n').split('\n')
    return lines[:-1] if lines[-1] == '' else lines


def read_csv(path: str | os.PathLike, delimiter: str = ',') -> Iterator[tuple[int, list[str]]]:
    """Rows of a csv file with the number of the line each ends in; a byte order mark is accepted.

    Raises:
        FileNotFoundError, NotRegularError, OSError: As :func:`check_regular`.
        ValueError: It is not UTF-8 text, or a row cannot be read; the message has the line.
    """
    with open_regular(path) as file:
        reader = csv.reader(_text_lines(file, path), delimiter=delimiter)
        while True:
            try:
                row = next(reader)
            except StopIteration:
                return
            except csv.Error as error:
                raise ValueError(f'{printable(path)}, line {reader.line_num}: not a csv row ({error}).') from error
            yield reader.line_num, row


def _text_lines(file: BinaryIO, path: str | os.PathLike) -> Iterator[str]:
    """Lines with their ends, one at a time; all at once of UTF-16."""
    if file.peek(2)[:2] in _UTF16:
        yield from io.StringIO(decode_text(file.read(), path), newline='')
        return
    for number, content in enumerate(file, start=1):
        try:
            line = content.decode('utf-8-sig' if number == 1 else 'utf-8')
        except UnicodeDecodeError as error:
            raise ValueError(f'{printable(path)}, line {number}: not UTF-8 text; save the file as UTF-8.') from error
        # a carriage return alone ends a line as well
        yield from io.StringIO(line, newline='') if '\r' in line.rstrip('\r\n') else (line,)


def exists_regular(path: str | os.PathLike) -> bool:
    """Whether a path leads to a regular file; ``False`` for names that no file can have."""
    try:
        check_regular(path)
    except (OSError, ValueError):
        return False
    return True
