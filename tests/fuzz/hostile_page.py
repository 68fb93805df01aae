"""Hostile uploads and requests against the web page, many at once; the page must live and keep nothing.

    python tests/fuzz/hostile_page.py --requests 200 --at-once 50

Starts the page by itself. Prints how many requests of each kind there were and what was answered, and ends with code 1
unless a sound image is answered afterwards, no upload is left, no code ran and the page's memory stayed small.
"""

import argparse
import io
import json
import os
import socket
import struct
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
import uuid
import zlib
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from PIL import Image

ROOT = Path(__file__).parents[2]
MODEL = 'nano/classification'
PATIENCE = 300


def png(width: int, height: int) -> bytes:
    """A PNG of zeros: a few bytes, whatever its size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    stream = zlib.compressobj(9)
    rows = b''.join(stream.compress(bytes(1 + width)) for _ in range(height)) + stream.flush()
    head = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


def photograph() -> bytes:
    """A sound image."""
    buffer = io.BytesIO()
    Image.effect_noise((160, 120), 60).convert('RGB').save(buffer, 'JPEG')
    return buffer.getvalue()


class Page:
    """A page in a process of its own.

    Args:
        folder: Its temporary files.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            self.port = free.getsockname()[1]
        self.address = f'http://127.0.0.1:{self.port}'
        command = [sys.executable, 'tools/demo_app.py', f'--model={MODEL}=random', f'--port={self.port}',
                   '--keep-uploads=3']  # fmt: skip
        environment = {**os.environ, 'TMPDIR': str(folder), 'PYTHONPATH': str(ROOT), 'OMP_NUM_THREADS': '1'}
        self.log = open(folder / 'page.log', 'w')
        self.process = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=self.log, stderr=self.log)
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.get('/')
                break
            except (urllib.error.URLError, ConnectionError):
                if self.process.poll() is not None or time.monotonic() > end:
                    raise RuntimeError((folder / 'page.log').read_text()[-3000:]) from None
                time.sleep(0.3)
        config = json.loads(self.get('/config'))
        self.function = config['dependencies'][-1]['id']

    def get(self, path: str, timeout: float = PATIENCE, **headers: str) -> bytes:
        """Body of an answer."""
        request = urllib.request.Request(self.address + path, headers=headers)
        with urllib.request.urlopen(request, timeout=timeout) as answer:
            return answer.read()

    def post(self, path: str, body: bytes, **headers: str) -> bytes:
        """Body of an answer."""
        request = urllib.request.Request(self.address + path, body, headers)
        with urllib.request.urlopen(request, timeout=PATIENCE) as answer:
            return answer.read()

    def upload(self, name: str, content: bytes) -> str:
        """Path of the upload on the server."""
        mark = uuid.uuid4().hex
        head = f'--{mark}\r\nContent-Disposition: form-data; name="files"; filename="{name}"\r\n\r\n'
        body = head.encode('utf-8', 'surrogateescape') + content + f'\r\n--{mark}--\r\n'.encode()
        kind = f'multipart/form-data; boundary={mark}'
        return json.loads(self.post('/gradio_api/upload', body, **{'Content-Type': kind}))[0]

    def look(self, path: str | None, model: object = MODEL) -> str:
        """What the page says about an upload: ``'picture'``, or an error."""
        session = uuid.uuid4().hex[:10]
        file = path and dict(path=path, orig_name='x', meta=dict(_type='gradio.FileData'))
        body = dict(data=[file, model], fn_index=self.function, session_hash=session)
        self._join(json.dumps(body).encode())
        request = urllib.request.Request(f'{self.address}/gradio_api/queue/data?session_hash={session}')
        with urllib.request.urlopen(request, timeout=PATIENCE) as events:
            for line in events:
                message = json.loads(line[5:]) if line.startswith(b'data:') else {}
                if message.get('msg') == 'process_completed':
                    output = message['output']
                    return 'picture' if message['success'] else f'error: {str(output.get("error"))[:60]}'
        return 'no answer'

    def _join(self, body: bytes) -> None:
        """Join the queue, which takes eight at a time."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                self.post('/gradio_api/queue/join', body, **{'Content-Type': 'application/json'})
                return
            except urllib.error.HTTPError as error:
                if error.code != 503 or time.monotonic() > end:
                    raise
                time.sleep(0.2)

    def raw(self, content: bytes, seconds: float) -> str:
        """First line that comes back for bytes on a bare connection that is then left open."""
        with socket.create_connection(('127.0.0.1', self.port), timeout=seconds) as connection:
            connection.sendall(content)
            try:
                return connection.recv(64).split(b'\r\n')[0].decode(errors='replace')
            except TimeoutError:
                return 'left open'

    def bytes_of_memory(self) -> int:
        """Resident memory of the page itself."""
        return int(Path(f'/proc/{self.process.pid}/statm').read_text().split()[1]) * os.sysconf('SC_PAGE_SIZE')

    def left(self) -> list[Path]:
        """Uploads that are still there; gradio leaves empty files."""
        return [path for path in self.folder.glob('eva_mm-page-*/**/*') if path.is_file() and path.stat().st_size]

    def close(self) -> None:
        """Stop it."""
        self.process.terminate()
        self.process.wait(30)
        self.log.close()


def attacks(page: Page, canary: Path) -> dict:
    """Kinds of attacks, each a function without arguments."""
    eps = f'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n({canary}) (w) file closefile\nshowpage\n'.encode()
    sound, bomb, strip = photograph(), png(20_000, 9_000), png(60_000, 1)
    playlist = b'#EXTM3U\n#EXTINF:1,\nfile:///etc/passwd\n'
    cookie = {'Cookie': 'a=' + 'b' * 4000}

    def upload_and_look(name: str, content: bytes):
        return lambda: page.look(page.upload(name, content))

    def join(body: bytes):
        return lambda: page.post('/gradio_api/queue/join', body, **{'Content-Type': 'application/json'})

    return {
        'a program named as an image': upload_and_look('x.jpg', eps),
        'a long strip': upload_and_look('x.png', strip),
        'a decompression bomb': upload_and_look('x.png', bomb),
        'a cut image': upload_and_look('x.jpg', sound[: len(sound) // 2]),
        'an empty image': upload_and_look('x.jpg', b''),
        'a text': upload_and_look('x.webp', b'<script>alert(1)</script>'),
        'a playlist as a video': upload_and_look('x.mp4', playlist),
        'another suffix': upload_and_look('x.html', sound),
        'a name that leads out': upload_and_look('../../../../x.jpg', sound),
        'a name with control characters': upload_and_look('x\x1b[2J\x07\u202e.jpg', sound),
        'a long name': upload_and_look('x' * 3000 + '.jpg', sound),
        'an upload without a request': lambda: page.upload('x.jpg', sound) and 'uploaded',
        'an upload that is too large': lambda: page.upload('x.jpg', bytes(51 * 2**20)),
        'a broken upload': lambda: page.post('/gradio_api/upload', b'--x\r\n\r\n', **{'Content-Type': 'multipart/x'}),
        'a file of the server': lambda: page.look('/etc/passwd'),
        'a file of the source': lambda: page.look(str(ROOT / 'setup.cfg')),
        'a null character': lambda: page.look('/tmp/\0'),
        'no file': lambda: page.look(None),
        'another model': lambda: page.look(page.upload('x.jpg', sound), '../../etc/passwd\x1b'),
        'a model that is no name': lambda: page.look(page.upload('x.jpg', sound), dict(a=[1])),
        'deep JSON': join(b'[' * 100_000),
        'large JSON': join(b'{"data": ["' + b'x' * 2**21 + b'"]}'),
        'another function': join(json.dumps(dict(data=[], fn_index=10**9, session_hash='x')).encode()),
        'another host': lambda: page.get('/config', Host='example.org'),
        'another origin': lambda: page.get('/config', Origin='http://example.org'),
        'no origin': lambda: page.get('/config', Origin='null'),
        'reading a file': lambda: page.get('/gradio_api/file=/etc/passwd'),
        'reading through a proxy': lambda: page.get('/gradio_api/proxy=http://127.0.0.1:1/'),
        'leading out of the assets': lambda: page.get('/assets/..%2f..%2f..%2f..%2fetc/passwd'),
        'the monitor': lambda: page.get('/monitoring'),
        'a large header': lambda: page.get('/', **cookie),
        'half a request': lambda: page.raw(b'POST /gradio_api/upload HTTP/1.1\r\nHost: 127.0.0.1', 2),
        'bytes': lambda: page.raw(b'\x16\x03\x01' + os.urandom(300), 2),
        'a body that does not come': lambda: page.raw(
            b'POST /gradio_api/queue/join HTTP/1.1\r\nHost: 127.0.0.1:%d\r\nContent-Length: 999\r\n\r\nx' % page.port, 2
        ),
    }  # fmt: skip


def answer_of(attack) -> str:
    """What an attack got."""
    try:
        got = attack()
        return got if isinstance(got, str) else 'answered'
    except urllib.error.HTTPError as error:
        return f'HTTP {error.code}'
    except (OSError, ValueError) as error:
        return type(error).__name__


def storm(page: Page, requests: int, at_once: int, canary: Path) -> Counter:
    """Send attacks in turn; counts of (kind, answer)."""
    kinds = list(attacks(page, canary).items())
    chosen = [kinds[number % len(kinds)] for number in range(requests)]
    with ThreadPoolExecutor(at_once) as pool:
        answers = list(pool.map(lambda kind: answer_of(kind[1]), chosen))
    return Counter(zip((name for name, _ in chosen), answers))


def problems(page: Page, canary: Path, before: int) -> list[str]:
    """What is wrong after a storm."""
    found = []
    if page.process.poll() is not None:
        return [f'the page ended with code {page.process.returncode}']
    if (got := page.look(page.upload('photo.jpg', photograph()))) != 'picture':
        found.append(f'a sound image is answered with {got!r}')
    end = time.monotonic() + 30
    while page.left() and time.monotonic() < end:
        time.sleep(0.5)
    found += [f'{path} is kept' for path in page.left()]
    if canary.exists():
        found.append('code ran')
    if (grown := page.bytes_of_memory() - before) > 2**30:
        found.append(f'the page grew by {grown / 2**20:.0f} MiB')
    return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--requests', type=int, default=200)
    parser.add_argument('--at-once', type=int, default=50)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        page, canary = Page(Path(folder)), Path(folder, 'canary')
        try:
            page.look(page.upload('photo.jpg', photograph()))  # loads the model
            before, start = page.bytes_of_memory(), time.monotonic()
            counts = storm(page, args.requests, args.at_once, canary)
            for (kind, answer), count in sorted(counts.items()):
                print(f'{count:>4}  {kind:<34} {answer}')
            found = problems(page, canary, before)
            print(f'{args.requests} requests, {args.at_once} at once, {time.monotonic() - start:.0f} s; '
                  f'the page has {page.bytes_of_memory() / 2**20:.0f} MiB, {before / 2**20:.0f} before')  # fmt: skip
        finally:
            page.close()
        found += [f'{path} is left behind' for path in Path(folder).glob('eva_mm-page-*')]
    print('\n'.join(found) or 'The page lives, and nothing is kept.')
    sys.exit(bool(found))


if __name__ == '__main__':
    main()
