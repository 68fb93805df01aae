"""Fetching within limits, from a server of our own."""

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from hostile import served

from eva_mm.safe_io.download import cached, download, fetched


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self):  # noqa: N802
        name = self.path.split('?')[0]
        if name == '/gone':
            self.send_error(404)
        elif name.startswith('/to'):
            self.send_response(302)
            self.send_header('Location', {'/to-file': 'file:///etc/hostname', '/to-photo': '/photo.png'}[name])
            self.end_headers()
        else:
            if name == '/slow':
                time.sleep(2)
            self.send_response(200)
            self.end_headers()
            with suppress(OSError):
                self.wfile.write(b'x' * 1000)

    def log_message(self, *_):
        pass


@pytest.fixture(scope='module')
def server():
    with ThreadingHTTPServer(('127.0.0.1', 0), _Handler) as running:
        threading.Thread(target=running.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{running.server_port}'
        running.shutdown()


@pytest.mark.parametrize('name', ['photo.png?size=1', 'to-photo'])
def test_a_file_is_fetched_and_removed_again(server, name):
    with fetched(f'{server}/{name}') as path:
        assert path.read_bytes() == b'x' * 1000
    assert not path.exists()


@pytest.mark.parametrize(
    'name, options, error, message',
    [
        ('gone', {}, OSError, '404'),
        ('photo.png', {'max_bytes': 999}, ValueError, 'larger than'),
        ('slow', {'timeout': 0.2}, OSError, 'timed out'),
        ('to-file', {}, OSError, 'not allowed'),
    ],
)
def test_limits(server, name, options, error, message):
    with pytest.raises(error, match=message), fetched(f'{server}/{name}', **options):
        pass


@pytest.mark.parametrize('address', ['file:///etc/hostname', 'ftp://127.0.0.1/a'])
def test_other_schemes_are_never_opened(address):
    with pytest.raises(OSError, match='only http and https'), fetched(address):
        pass


def test_a_download_that_drips_ends_in_time(tmp_path):
    with served({'drip.bin': bytes(200), 'drip.pth': bytes(200)}) as address:
        start = time.monotonic()
        with pytest.raises(ValueError, match='took longer than 0.5 seconds'):
            download(f'{address}/drip.bin', tmp_path / 'x', total_time=0.5)
        assert time.monotonic() - start < 5


def test_headers_that_drip_end_in_time(tmp_path):
    with socket.create_server(('127.0.0.1', 0)) as server:

        def answer():
            connection, _ = server.accept()
            with connection, suppress(OSError):
                for byte in b'HTTP/1.1 200 OK\r\n' + b'X: y\r\n' * 200:
                    connection.sendall(bytes([byte]))
                    time.sleep(0.05)

        threading.Thread(target=answer, daemon=True).start()
        start = time.monotonic()
        with pytest.raises(ValueError, match='took longer than 0.5 seconds'):
            download(f'http://127.0.0.1:{server.getsockname()[1]}/x', tmp_path / 'x', total_time=0.5)
        assert time.monotonic() - start < 5


def test_a_download_that_is_cut_off_is_no_file(tmp_path):
    with served({'cut.pth': b'x' * 100}) as address:
        with pytest.raises(OSError, match='cut off after 100 bytes'):
            cached(f'{address}/cut.pth', tmp_path)
    assert not [path for path in tmp_path.iterdir() if path.suffix != '.lock']


def test_copies_are_kept_by_their_whole_address(tmp_path):
    with served({'a/model.pth': b'one', 'b/model.pth': b'two', 'b/model.pth?x': b'three'}) as address:
        copies = [cached(f'{address}/{name}', tmp_path) for name in ('a/model.pth', 'b/model.pth', 'b/model.pth?x')]
    assert [copy.read_bytes() for copy in copies] == [b'one', b'two', b'three']
    # the server is gone
    assert cached(f'{address}/a/model.pth', tmp_path) == copies[0] and copies[0].name.endswith('-model.pth')


def test_of_several_processes_one_downloads(tmp_path):
    asked = []

    class Files(dict):
        def get(self, name):
            asked.append(name)
            time.sleep(0.3)
            return b'x'

    with served(Files()) as address, ThreadPoolExecutor(4) as pool:
        copies = list(pool.map(lambda _: cached(f'{address}/m.pth', tmp_path), range(4)))
    assert len(asked) == 1 and len(set(copies)) == 1
