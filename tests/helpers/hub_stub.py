"""A hub on the loopback: the requests that huggingface_hub sends for reading and for one commit of small files."""

import base64
import hashlib
import json
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

COMMIT = 'c' * 40


class StubHub(ThreadingHTTPServer):
    """Repositories in memory.

    Attributes:
        files: ``'OWNER/REPOSITORY'`` to the bytes of its files by path.
        served: Bytes that are sent instead of a file's own, by path, as a damaged mirror would.
        requests: Method and path of each request.
    """

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(('127.0.0.1', 0), _Handler)
        self.files: dict[str, dict[str, bytes]] = {}
        self.served: dict[str, bytes] = {}
        self.requests: list[str] = []

    @property
    def endpoint(self) -> str:
        return f'http://127.0.0.1:{self.server_address[1]}'


class _Handler(BaseHTTPRequestHandler):
    protocol_version = 'HTTP/1.1'
    server: StubHub

    def log_message(self, *_: object) -> None:
        pass

    def _answer(self, content: bytes, status: int = 200, **headers: str) -> None:
        self.send_response(status)
        for name, value in {'Content-Length': str(len(content)), **headers}.items():
            self.send_header(name.replace('_', '-'), value)
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(content)

    def _json(self, value: object) -> None:
        self._answer(json.dumps(value).encode(), Content_Type='application/json')

    def do_GET(self) -> None:
        self.server.requests.append(f'{self.command} {self.path}')
        path = self.path.partition('?')[0]
        if match := re.fullmatch(r'/api/models/([^/]+/[^/]+)/tree/[^/]+', path):
            files = self.server.files.get(match[1])
            if files is None:
                self._answer(b'', 404, X_Error_Code='RepoNotFound')
                return
            self._json([{'type': 'file', 'path': name, 'size': len(files[name]), 'oid': 'a' * 40} for name in files])
            return
        match = re.fullmatch(r'/([^/]+/[^/]+)/resolve/[^/]+/(.+)', path)
        files = self.server.files.get(match[1]) if match else None
        if not match or files is None:
            self._answer(b'', 404, X_Error_Code='RepoNotFound')
        elif match[2] not in files:
            self._answer(b'', 404, X_Error_Code='EntryNotFound', X_Repo_Commit=COMMIT)
        else:
            # the entity tag of a large file is its SHA-256
            tag = hashlib.sha256(files[match[2]]).hexdigest()
            content = self.server.served.get(match[2], files[match[2]])
            self._answer(content, ETag=f'"{tag}"', X_Repo_Commit=COMMIT)

    do_HEAD = do_GET

    def do_POST(self) -> None:
        self.server.requests.append(f'{self.command} {self.path}')
        body = self.rfile.read(int(self.headers['Content-Length'] or 0))
        if self.path == '/api/repos/create':
            wanted = json.loads(body)
            repository = f'{wanted.get("organization") or "me"}/{wanted["name"]}'
            self.server.files.setdefault(repository, {})
            self._json({'url': f'{self.server.endpoint}/{repository}'})
        elif match := re.fullmatch(r'/api/models/([^/]+/[^/]+)/preupload/.*', self.path):
            files = json.loads(body)['files']
            self._json(
                {'files': [{'path': each['path'], 'uploadMode': 'regular', 'shouldIgnore': False} for each in files]}
            )
        elif match := re.fullmatch(r'/api/models/([^/]+/[^/]+)/commit/.*', self.path):
            for entry in map(json.loads, body.splitlines()):
                if entry['key'] == 'file':
                    value = entry['value']
                    self.server.files[match[1]][value['path']] = base64.b64decode(value['content'])
            self._json(
                {
                    'success': True,
                    'commitOid': COMMIT,
                    'commitUrl': f'{self.server.endpoint}/{match[1]}/commit/{COMMIT}',
                }
            )
        else:
            self._json({})


@contextmanager
def stub_hub(monkeypatch, cache) -> Iterator[StubHub]:
    """The hub of this process, with an empty cache."""
    from huggingface_hub import constants

    server = StubHub()
    template = '/{repo_id}/resolve/{revision}/{filename}'
    monkeypatch.setattr(constants, 'ENDPOINT', server.endpoint)
    monkeypatch.setattr(constants, 'HUGGINGFACE_CO_URL_TEMPLATE', server.endpoint + template)
    monkeypatch.setattr(constants, 'HF_HUB_CACHE', str(cache))
    monkeypatch.setattr(constants, 'HF_HUB_DISABLE_XET', True)
    monkeypatch.setenv('HF_TOKEN', 'hf_of_the_test')
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
