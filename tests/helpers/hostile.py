"""Hostile files that tests build themselves, and a server for them."""

import io
import os
import pickle
import struct
import threading
import zlib
from collections.abc import Mapping
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import torch


class Call:
    """A pickle that calls a function when it is read without care."""

    def __init__(self, function, *arguments):
        self.call = function, arguments

    def __reduce__(self):
        return self.call


def evil_checkpoint(path: Path, canary: Path) -> Path:
    """A checkpoint whose unpickling makes ``canary``."""
    torch.save({'state_dict': {'w': torch.ones(2)}, 'evil': Call(os.mkdir, str(canary))}, path)
    return path


def evil_pickle(canary: Path) -> bytes:
    """A pickle that makes ``canary``."""
    return pickle.dumps({'a': Call(os.mkdir, str(canary))})


def png(width: int, height: int) -> bytes:
    """A PNG of zeros: a few bytes, whatever its size."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack('>I', len(content)) + kind + content + struct.pack('>I', zlib.crc32(kind + content))

    stream = zlib.compressobj(9)
    rows = b''.join(stream.compress(bytes(1 + width)) for _ in range(height)) + stream.flush()
    head = struct.pack('>IIBBBBB', width, height, 8, 0, 0, 0, 0)
    return b'\x89PNG\r\n\x1a\n' + chunk(b'IHDR', head) + chunk(b'IDAT', rows) + chunk(b'IEND', b'')


EPS = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n%%BeginProlog\n%%EndProlog\nshowpage\n%%EOF\n'


def fake_ghostscript(folder: Path, monkeypatch) -> Path:
    """Put a ``gs`` into the path that leaves a trace when Pillow starts it."""
    from PIL import EpsImagePlugin

    canary, binary = folder / 'ghostscript-has-run', folder / 'bin' / 'gs'
    binary.parent.mkdir()
    binary.write_text(f'#!/bin/sh\ntouch {canary}\necho 10.0\nexit 0\n')
    binary.chmod(0o755)
    monkeypatch.setenv('PATH', f'{binary.parent}:{os.environ["PATH"]}')
    # Pillow remembers whether there is one
    monkeypatch.setattr(EpsImagePlugin, 'gs_binary', None)
    return canary


def flipped(content: bytes, place: int, bit: int = 0) -> bytes:
    """Bytes with one bit changed."""
    damaged = bytearray(content)
    damaged[place] ^= 1 << bit
    return bytes(damaged)


def tensor_place(content: bytes, tensor: torch.Tensor) -> int:
    """Where the values of a tensor lie in a file, in the middle of them."""
    values = tensor.contiguous().view(torch.uint8).numpy().tobytes()
    start = content.find(values)
    assert start >= 0, 'the tensor is not in the file as it is'
    return start + len(values) // 2


@contextmanager
def served(files: Mapping[str, bytes]):
    """Address of a server with these files by name; names that begin with ``drip`` come a byte at a time."""
    import time

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self):  # noqa: N802
            content = files.get(self.path.lstrip('/'))
            if content is None:
                self.send_error(404)
                return
            self.send_response(200)
            if not self.path.startswith('/cut'):
                self.send_header('Content-Length', str(len(content)))
            else:
                self.send_header('Content-Length', str(len(content) + 1000))
            self.end_headers()
            try:
                if 'drip' not in self.path:
                    self.wfile.write(content)
                for number in range(len(content) if 'drip' in self.path else 0):
                    self.wfile.write(content[number : number + 1])
                    self.wfile.flush()
                    time.sleep(0.05)
            except OSError:  # the reader has gone
                pass

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(('127.0.0.1', 0), Handler) as server:
        server.daemon_threads = True
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f'http://127.0.0.1:{server.server_port}'
        server.shutdown()


def saved(content) -> bytes:
    """The bytes of ``torch.save``."""
    buffer = io.BytesIO()
    torch.save(content, buffer)
    return buffer.getvalue()
