"""Models of the page in a process of their own: a file that breaks a decoder or the memory ends that process alone."""

import json
import multiprocessing
import resource
import signal
import threading
from collections.abc import Mapping
from contextlib import suppress
from multiprocessing.connection import Connection
from typing import Any

from eva_mm.apis.errors import UserError
from eva_mm.safe_io.images import Limits
from eva_mm.safe_io.printed import reason_of

# seconds for building a model and reading its weights, and for one image or video
LOAD_SECONDS = 600.0
REQUEST_SECONDS = 120.0
# bytes that one request may take beyond what the model needs
REQUEST_BYTES = 8 * 2**30
LIMITS = Limits(max_pixels=50_000_000, max_side=20_000, max_ratio=50.0)


def _limit_memory(extra: int | None) -> None:
    """Let this process grow by so many bytes and no more; ``None``: as it likes."""
    soft = resource.RLIM_INFINITY
    if extra is not None:
        with open('/proc/self/statm') as file:
            soft = int(file.read().split()[0]) * resource.getpagesize() + extra
    _, hard = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (soft if hard == resource.RLIM_INFINITY else min(soft, hard), hard))


def _serve(connection: Connection, models: dict[str, str | bool], device: str) -> None:
    """Answer requests until the other side closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the page
    with suppress(OSError), open('/proc/self/oom_score_adj', 'w') as file:
        file.write('1000')  # if memory runs out after all, this process goes and not the page
    from eva_mm.apis.demo_app import Demo

    demo = Demo(models, device, LIMITS)
    while True:
        try:
            request = json.loads(connection.recv_bytes())
        except (EOFError, OSError):
            return
        try:
            demo.load(request['name'])
            connection.send_bytes(b'"loaded"')
            # a GPU maps far more than it uses
            _limit_memory(REQUEST_BYTES if device == 'cpu' else None)
            answer = demo.answer(request['file'], request['name'])
        except MemoryError:
            answer = dict(error='The file needs more memory than the page allows: choose a smaller one.')
        # of a file that no reader expected; the page stays
        except Exception as error:
            answer = dict(error=reason_of(error, 500))
        finally:
            _limit_memory(None)
        connection.send_bytes(json.dumps(answer).encode())


class DemoProcess:
    """The models of a page, each request within limits of time and memory.

    Args:
        models: Name to checkpoint; ``False`` is random weights.
        device: Where models run.
        tasks: Names of models by task.
        load_seconds: For building a model.
        request_seconds: For one file.
    """

    def __init__(
        self,
        models: Mapping[str, str | bool],
        device: str,
        tasks: Mapping[str, list[str]],
        load_seconds: float = LOAD_SECONDS,
        request_seconds: float = REQUEST_SECONDS,
    ) -> None:
        self.models, self.device, self.tasks = dict(models), device, dict(tasks)
        self.load_seconds, self.request_seconds = load_seconds, request_seconds
        self._lock = threading.Lock()
        self._process: Any = None
        self._connection: Connection | None = None

    def _start(self) -> Connection:
        if self._process is None or not self._process.is_alive():
            self.close()
            context = multiprocessing.get_context('spawn')
            self._connection, other = context.Pipe()
            self._process = context.Process(target=_serve, args=(other, self.models, self.device), daemon=True)
            self._process.start()
            other.close()
        return self._connection

    def _wait(self, connection: Connection, seconds: float, what: str) -> Any:
        try:
            if connection.poll(seconds):
                return json.loads(connection.recv_bytes())
            reason = f'{what} took longer than {seconds:,.0f} seconds'
        except (EOFError, OSError):
            reason = f'{what} ended the process of the model'
        self.close()
        raise UserError(f'{reason}: choose another file or model.')

    def answer(self, file: str, name: str) -> dict[str, Any]:
        """What :meth:`eva_mm.apis.demo_app.Demo.answer` says.

        Raises:
            UserError: The file or the model cannot be used, or takes too long or too much memory.
        """
        if name not in self.models:
            raise UserError(f'The page has no model {name[:100]!r}: choose from {", ".join(self.models)}.')
        with self._lock:
            connection = self._start()
            connection.send_bytes(json.dumps(dict(file=file, name=name)).encode())
            answer = self._wait(connection, self.load_seconds, 'Loading the model')
            if answer == 'loaded':
                answer = self._wait(connection, self.request_seconds, 'This file')
        if 'error' in answer:
            raise UserError(answer['error'])
        return answer

    def close(self) -> None:
        """End the process."""
        if self._connection is not None:
            self._connection.close()
        if self._process is not None:
            self._process.kill()
            self._process.join(10)
        self._process = self._connection = None
