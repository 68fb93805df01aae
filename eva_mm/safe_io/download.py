"""Files from http(s) addresses, within limits of time and size."""

import fcntl
import hashlib
import os
import re
import socket
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import partial
from http.client import HTTPConnection, HTTPException, HTTPSConnection
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlparse
from urllib.request import (
    HTTPDefaultErrorHandler,
    HTTPErrorProcessor,
    HTTPHandler,
    HTTPRedirectHandler,
    HTTPSHandler,
    OpenerDirector,
    ProxyHandler,
    Request,
)

SCHEMES = ('http://', 'https://')
# seconds without an answer, and for the whole of a download
TIMEOUT = 30.0
TOTAL_TIME = 600.0
MAX_BYTES = 512 * 2**20
# of checkpoints
MAX_WEIGHTS_BYTES = 64 * 2**30
MAX_WEIGHTS_TIME = 6 * 3600.0
_CHUNK = 2**16


def is_address(source: object) -> bool:
    """Whether something is an http(s) address."""
    return isinstance(source, str) and source.startswith(SCHEMES)


class _Clock:
    """Ends all connections that it was told of when the time is up, in whatever state they are."""

    def __init__(self, seconds: float) -> None:
        self.expired = False
        self._sockets: list[socket.socket] = []
        self._timer = threading.Timer(seconds, self._expire)
        self._timer.daemon = True

    def connect(self, *args: Any, **kwargs: Any) -> socket.socket:
        """``socket.create_connection``."""
        connected = socket.create_connection(*args, **kwargs)
        # TLS takes the socket itself away
        self._sockets.append(connected.dup())
        return connected

    def _expire(self) -> None:
        self.expired = True
        for each in self._sockets:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)

    def __enter__(self) -> '_Clock':
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._timer.cancel()
        for each in self._sockets:
            each.close()

    def connection(self, kind: type[HTTPConnection], host: str, **options: Any) -> HTTPConnection:
        """A connection that ends with the time."""
        made = kind(host, **options)
        made._create_connection = self.connect
        return made


def _opener(clock: _Clock) -> OpenerDirector:
    """Knows http and https alone, so that no redirection leads to a local file or to ftp."""
    plain, encrypted = HTTPHandler(), HTTPSHandler()
    plain.http_open = lambda request: plain.do_open(partial(clock.connection, HTTPConnection), request)
    encrypted.https_open = lambda request: encrypted.do_open(partial(clock.connection, HTTPSConnection), request)
    opener = OpenerDirector()
    for handler in (ProxyHandler(), plain, encrypted, HTTPDefaultErrorHandler(), HTTPRedirectHandler(),
                    HTTPErrorProcessor()):  # fmt: skip
        opener.add_handler(handler)
    return opener


def download(
    address: str,
    path: str | os.PathLike,
    timeout: float = TIMEOUT,
    max_bytes: int = MAX_BYTES,
    total_time: float = TOTAL_TIME,
) -> None:
    """Copy what an http(s) address gives into a file.

    Args:
        address: Where to get it.
        path: The file; overwritten.
        timeout: Seconds without an answer.
        max_bytes: Larger files are refused.
        total_time: Seconds for all of it, however steadily it drips.

    Raises:
        OSError: It cannot be fetched: no answer, an error of the server, another scheme, cut off.
        ValueError: It is larger or slower than allowed.
    """
    with _Clock(total_time) as clock:
        try:
            _copy(address, path, timeout, max_bytes, clock)
        except (OSError, HTTPException, ValueError) as error:
            if clock.expired:
                raise ValueError(f'it took longer than {total_time:,g} seconds') from error
            if isinstance(error, HTTPException):
                raise OSError(f'the server gave no proper answer, {type(error).__name__}') from error
            raise


def _copy(address: str, path: str | os.PathLike, timeout: float, max_bytes: int, clock: _Clock) -> None:
    # an address that urllib cannot read is a ValueError of its own
    request, size = Request(address, headers={'User-Agent': 'eva_mm'}), 0
    response = _opener(clock).open(request, timeout=timeout)
    if response is None:
        raise OSError('only http and https addresses are fetched')
    with response, open(path, 'wb') as file:
        while chunk := response.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise ValueError(f'it is larger than {max_bytes / 2**20:,.0f} MiB')
            file.write(chunk)
    announced = response.headers.get('Content-Length') or ''
    if clock.expired or (announced.isdecimal() and int(announced) != size):
        raise OSError(f'the connection was cut off after {size:,} bytes')


def file_name(address: str) -> str:
    """The name that a file has in its address."""
    return re.sub(r'[^\w.+-]', '_', Path(unquote(urlparse(address).path)).name)[-100:] or 'download'


@contextmanager
def fetched(
    address: str, timeout: float = TIMEOUT, max_bytes: int = MAX_BYTES, total_time: float = TOTAL_TIME
) -> Iterator[Path]:
    """A local copy of what an address gives, as long as the context lasts; see :func:`download`."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / file_name(address)
        download(address, path, timeout, max_bytes, total_time)
        yield path


def cached(address: str, folder: str | os.PathLike) -> Path:
    """The copy of a checkpoint in a folder, downloaded the first time.

    The name of the copy begins with a hash of the whole address: two files of one name do not replace each other. It
    appears when it is complete. Of several processes one downloads and the others wait.

    Raises:
        OSError, ValueError: As :func:`download`.
    """
    folder = Path(folder)
    folder.mkdir(parents=True, exist_ok=True)
    copy = folder / f'{hashlib.sha256(address.encode()).hexdigest()[:16]}-{file_name(address)}'
    with open(folder / f'.{copy.name}.lock', 'w') as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not copy.exists():
            part = folder / f'.{copy.name}.part'
            try:
                download(address, part, TIMEOUT, MAX_WEIGHTS_BYTES, MAX_WEIGHTS_TIME)
                part.replace(copy)
            finally:
                part.unlink(missing_ok=True)
    return copy
