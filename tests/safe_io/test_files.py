"""Regular files only, text with or without a mark, and the line of an error."""

import os
import socket

import pytest

from eva_mm.safe_io.files import (
    NotRegularError,
    exists_regular,
    open_regular,
    read_bytes,
    read_csv,
    read_json,
    read_lines,
)


def _fifo(path):
    os.mkfifo(path)


def _loop(path):
    path.symlink_to(path)


def _socket(path):
    with socket.socket(socket.AF_UNIX) as bound:
        os.chdir(path.parent)  # the address of a socket is short
        bound.bind(path.name)


@pytest.mark.parametrize(
    'make, kind',
    [
        (_fifo, 'a named pipe'),
        (_loop, 'a symbolic link to itself'),
        (lambda path: path.symlink_to('/dev/zero'), 'a character device'),
        (lambda path: path.mkdir(), 'a directory'),
        (_socket, 'a socket'),
    ],
)
def test_what_is_not_a_file_is_never_opened(tmp_path, monkeypatch, make, kind):
    monkeypatch.chdir(tmp_path)
    make(tmp_path / 'x')
    monkeypatch.setattr(os, 'open', lambda *_: pytest.fail('it was opened'))
    with pytest.raises(NotRegularError, match=f'x is {kind}; pass a regular file'):
        open_regular(tmp_path / 'x')
    assert not exists_regular(tmp_path / 'x')


def test_absent_and_impossible_names_are_not_found(tmp_path):
    for name in ('gone', 'a\0b', 'x' * 5000):
        assert not exists_regular(tmp_path / name)
    with pytest.raises(FileNotFoundError, match='gone'):
        read_bytes(tmp_path / 'gone')


def test_more_bytes_than_allowed_are_not_read(tmp_path):
    (tmp_path / 'x').write_bytes(b'12345')
    assert read_bytes(tmp_path / 'x', 5) == b'12345'
    with pytest.raises(ValueError, match='more than 4 bytes'):
        read_bytes(tmp_path / 'x', 4)


@pytest.mark.parametrize('encoding', ['utf-8', 'utf-8-sig', 'utf-16'])
def test_a_byte_order_mark_is_no_content(tmp_path, encoding):
    (tmp_path / 'x.json').write_bytes('{"ä": 1}'.encode(encoding))
    assert read_json(tmp_path / 'x.json') == {'ä': 1}
    (tmp_path / 'x.csv').write_bytes('päth,label\r\na,1\r\n'.encode(encoding))
    assert list(read_csv(tmp_path / 'x.csv')) == [(1, ['päth', 'label']), (2, ['a', '1'])]
    (tmp_path / 'x.txt').write_bytes('a\u2028b\r\nc\n'.encode(encoding))
    assert read_lines(tmp_path / 'x.txt') == ['a\u2028b', 'c']


@pytest.mark.parametrize(
    'content, message',
    [
        (b'{"a":\n1,}', 'x.json, line 2: not JSON'),
        (b'{}\n\xff', 'x.json, line 2: not UTF-8 text'),
        (b'[' * 100_000, 'x.json is not usable JSON: it is nested too deeply'),
        (b'1' * 10_000, 'x.json is not JSON'),
    ],
)
def test_errors_of_json_name_file_and_line(tmp_path, content, message):
    (tmp_path / 'x.json').write_bytes(content)
    with pytest.raises(ValueError, match=message):
        read_json(tmp_path / 'x.json')


@pytest.mark.parametrize(
    'content, message',
    [(b'a,b\n\xff,1\n', 'line 2: not UTF-8 text'), (b'a\nb\n' + b'x' * 200_000, 'line 3: not a csv row')],
)
def test_errors_of_csv_name_file_and_line(tmp_path, content, message):
    (tmp_path / 'x.csv').write_bytes(content)
    with pytest.raises(ValueError, match=f'x.csv, {message}'):
        list(read_csv(tmp_path / 'x.csv'))
