"""Fetching within limits, from a server of our own."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from eva_mm.apis.inference.fetch import fetched


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
