"""What stands between the network and the page: who may ask, for what, how much and how long; and nothing is kept."""

import asyncio
import os
import re
import shutil
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Awaitable, Callable, Iterator, MutableMapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

# all that the page itself asks for; gradio serves much more, files among it
_GET = re.compile(
    r'/|/config/?|/theme\.css|/favicon\.ico|/robots\.txt|/manifest\.json|/pwa_icon(/\d+)?|/(assets|static|svelte)/.*'
    r'|/gradio_api/(app_id/?|info/?|startup-events|theme\.css|queue/data|heartbeat/[\w-]+|upload_progress)'
)
_POST = re.compile(r'/gradio_api/(upload|queue/join|cancel|reset/?)')
# seconds for the body of a request, and for an answer that is not a stream of events
BODY_SECONDS = 60.0
ANSWER_SECONDS = 60.0
STREAM_SECONDS = 1800.0
MOST_REQUESTS = 64
_PREFIX = 'eva_mm-page-'
_GRACE_SECONDS = 10.0
# of everything but an upload
_SMALL_BODY = 2**20


class _Refused(Exception):
    def __init__(self, status: int, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Guard:
    """ASGI middleware for a page that is served on the loopback.

    A request is refused unless it names this server as its host and, where a browser says so, as its origin, asks for
    something that the page uses, is not larger than an upload may be, and arrives in time. Answers end in time as well.

    Args:
        app: What it guards.
        max_bytes: Largest body of an upload.
    """

    def __init__(self, app: App, max_bytes: int) -> None:
        self.app, self.max_bytes = app, max_bytes
        self._running = 0

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        if scope['type'] == 'lifespan':
            await self.app(scope, receive, send)
            return
        if scope['type'] != 'http':
            return
        try:
            self._check(scope)
        except _Refused as refused:
            await _answer(send, refused)
            return
        self._running += 1
        try:
            await self._pass_on(scope, receive, send)
        finally:
            self._running -= 1

    def _check(self, scope: MutableMapping[str, Any]) -> None:
        headers = {name.lower(): value.decode('latin1') for name, value in scope['headers']}
        own = [f'{name}:{scope["server"][1]}' for name in ('127.0.0.1', 'localhost', '[::1]')]
        if headers.get(b'host') not in own:
            raise _Refused(421, 'this server has another name')
        origin = headers.get(b'origin')
        if origin is not None and origin not in [f'http://{host}' for host in own]:
            raise _Refused(403, 'another page asked')
        if headers.get(b'sec-fetch-site') in ('cross-site', 'same-site') and scope['path'] != '/':
            raise _Refused(403, 'another page asked')
        allowed = {'GET': _GET, 'HEAD': _GET, 'POST': _POST}.get(scope['method'])
        if allowed is None or not allowed.fullmatch(scope['path']):
            raise _Refused(404, 'the page does not use this')
        length = headers.get(b'content-length', '0')
        if not length.isdecimal() or len(length) > 15 or int(length) > self._most(scope['path']):
            raise _Refused(413, 'too large')
        if self._running >= MOST_REQUESTS:
            raise _Refused(503, 'too many requests at once')

    def _most(self, path: str) -> int:
        return self.max_bytes if path.startswith('/gradio_api/upload') else _SMALL_BODY

    async def _pass_on(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        end, most, started, size = time.monotonic() + BODY_SECONDS, self._most(scope['path']), False, 0
        is_whole = False

        async def limited() -> Message:
            nonlocal size, is_whole
            if is_whole:  # the client going away is waited for
                return await receive()
            try:
                message = await asyncio.wait_for(receive(), max(end - time.monotonic(), 0))
            except asyncio.TimeoutError as error:
                raise _Refused(408, 'the request took too long') from error
            size += len(message.get('body', b''))
            if size > most:
                raise _Refused(413, 'too large')
            is_whole = not message.get('more_body', False)
            return message

        async def noted(message: Message) -> None:
            nonlocal started
            started = True
            await send(message)

        is_stream = scope['path'].endswith(('/queue/data', '/upload_progress')) or '/heartbeat/' in scope['path']
        seconds = STREAM_SECONDS if is_stream else BODY_SECONDS + ANSWER_SECONDS
        try:
            await asyncio.wait_for(self.app(scope, limited, noted), seconds)
        except asyncio.TimeoutError:
            refused = _Refused(504, 'the answer took too long')
        except _Refused as error:
            refused = error
        else:
            return
        if not started:
            await _answer(send, refused)


async def _answer(send: Send, refused: _Refused) -> None:
    body = f'{refused}\n'.encode()
    length = str(len(body)).encode()
    headers = [(b'content-type', b'text/plain'), (b'content-length', length), (b'connection', b'close')]
    await send({'type': 'http.response.start', 'status': refused.status, 'headers': headers})
    await send({'type': 'http.response.body', 'body': body})


def _remove_leftovers() -> None:
    """Remove what pages that were killed could not."""
    for folder in Path(tempfile.gettempdir()).glob(f'{_PREFIX}*'):
        number = folder.name.removeprefix(_PREFIX).split('-')[0]
        if number.isdecimal() and not Path('/proc', number).exists() and folder.stat().st_uid == os.getuid():
            shutil.rmtree(folder, ignore_errors=True)


class Uploads:
    """A private folder for what is uploaded, emptied all the time, and removed at the end.

    Args:
        seconds: How long a file may wait for its request.
        max_bytes: Bytes of all files together; beyond it the oldest go first.
    """

    def __init__(self, seconds: float = 1800.0, max_bytes: int = 2**30) -> None:
        _remove_leftovers()
        self.folder = Path(tempfile.mkdtemp(prefix=f'{_PREFIX}{os.getpid()}-'))
        self.seconds, self.max_bytes = seconds, max_bytes
        self._held: Counter[Path] = Counter()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch, daemon=True)
        self._thread.start()

    def _watch(self) -> None:
        while not self._done.wait(min(1.0, self.seconds / 2)):
            self.sweep(self.seconds)

    def files(self) -> list[Path]:
        """All files, the oldest first."""
        found = []
        for place, _, names in os.walk(self.folder):
            for name in names:
                path = Path(place, name)
                try:
                    found.append((path.lstat().st_mtime, path))
                except OSError:  # gone meanwhile
                    continue
        return [path for _, path in sorted(found)]

    def sweep(self, seconds: float) -> None:
        """Remove files that are older than this, and the oldest while all together are too large."""
        now, kept = time.time(), []
        for path in self.files():
            try:
                status = path.lstat()
            except OSError:
                continue
            if self._held[path]:
                continue
            if now - status.st_mtime > seconds:
                self.remove(path)
            else:
                kept.append((path, status.st_size))
        total = sum(size for _, size in kept)
        for path, size in kept:
            if total <= self.max_bytes:
                break
            self.remove(path)
            total -= size

    @contextmanager
    def held(self, path: str | os.PathLike) -> Iterator[None]:
        """Keep a file while its request runs, and let it go in a moment: another upload of equal bytes has its name."""
        path = Path(path)
        self._held[path] += 1
        try:
            yield
        finally:
            self._held[path] -= 1
            expires = time.time() - self.seconds + min(_GRACE_SECONDS, self.seconds)
            with suppress(OSError):  # gone meanwhile
                os.utime(path, (expires, expires))

    def remove(self, path: str | os.PathLike) -> None:
        """Remove one file, and its folder if that is empty then."""
        path = Path(path)
        path.unlink(missing_ok=True)
        if path.parent != self.folder:
            with suppress(OSError):  # not empty, or gone
                path.parent.rmdir()

    def holds(self, path: str | os.PathLike) -> bool:
        """Whether a path is a file in this folder, links followed."""
        return Path(path).resolve().is_relative_to(self.folder.resolve())

    def close(self) -> None:
        """Remove everything."""
        self._done.set()
        self._thread.join(5)
        shutil.rmtree(self.folder, ignore_errors=True)
