"""Files that a user names by an http(s) address, fetched within limits."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from http.client import HTTPException
from pathlib import Path
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

TIMEOUT = 30.0
MAX_BYTES = 512 * 2**20
_CHUNK = 2**16


def _opener() -> OpenerDirector:
    """Knows http and https alone, so that no redirection leads to a local file or to ftp."""
    opener = OpenerDirector()
    for handler in (ProxyHandler, HTTPHandler, HTTPSHandler, HTTPDefaultErrorHandler, HTTPRedirectHandler,
                    HTTPErrorProcessor):  # fmt: skip
        opener.add_handler(handler())
    return opener


@contextmanager
def fetched(address: str, timeout: float = TIMEOUT, max_bytes: int = MAX_BYTES) -> Iterator[Path]:
    """A local copy of what an http(s) address gives, as long as the context lasts.

    Args:
        address: Where to get it.
        timeout: Seconds without an answer.
        max_bytes: Larger files are refused.

    Raises:
        OSError: It cannot be fetched: no answer, an error of the server, another scheme.
        ValueError: It is larger than ``max_bytes``.
    """
    name = Path(unquote(urlparse(address).path)).name or 'download'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / name[-100:]
        try:
            _copy(address, path, timeout, max_bytes)
        except HTTPException as error:
            raise OSError(f'the server gave no proper answer, {type(error).__name__}') from error
        yield path


def _copy(address: str, path: Path, timeout: float, max_bytes: int) -> None:
    # an address that urllib cannot read is a ValueError of its own
    request, size = Request(address, headers={'User-Agent': 'eva_mm'}), 0
    response = _opener().open(request, timeout=timeout)
    if response is None:
        raise OSError('only http and https addresses are fetched')
    with response, path.open('wb') as file:
        while chunk := response.read(_CHUNK):
            size += len(chunk)
            if size > max_bytes:
                raise ValueError(f'it is larger than {max_bytes / 2**20:.0f} MiB')
            file.write(chunk)
