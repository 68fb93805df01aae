"""A full disk costs lines of the log and pictures, never the run."""

import logging
import os
import sys
from collections.abc import Callable
from functools import wraps
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.visualization.vis_backend import LocalVisBackend

from eva_mm.process import is_full_disk

_WRITERS = ('add_config', 'add_datasample', 'add_graph', 'add_image', 'add_scalar', 'add_scalars')


def tolerate_full_disk(runner: Any) -> None:
    """Let the log, scalars and pictures of a runner be left out while the disk is full; said once for each.

    Checkpoints are :class:`~eva_mm.engine.long_run.safe_checkpoint_hook.SafeCheckpointHook`'s. What else cannot be
    written ends the run, see ``eva_mm.apis.run_errors``.

    Args:
        runner: Its logger and visualizer are changed.
    """
    for handler in runner.logger.handlers:
        if isinstance(handler, logging.FileHandler):
            handler.handleError = _say_once(f'The log {handler.baseFilename}')
    for backend in runner.visualizer._vis_backends.values():
        if isinstance(backend, LocalVisBackend):
            backend._dump = _whole_lines(backend._dump)
            backend.add_image = _whole_pictures(backend)
    for part in (runner.visualizer, *runner.visualizer._vis_backends.values()):
        for name in _WRITERS:
            if hasattr(part, name):
                setattr(part, name, _tolerant(getattr(part, name), f'{type(part).__name__}.{name}'))


def _tolerant(write: Callable[..., Any], what: str) -> Callable[..., Any]:
    said = []

    @wraps(write)
    def try_to_write(*args: Any, **kwargs: Any) -> Any:
        try:
            return write(*args, **kwargs)
        except OSError as error:
            if not is_full_disk(error):
                raise
            if not said:
                said.append(True)
                print_log(f'{what} could not write ({error}): left out while the disk is full.', 'current', 30)
            return None

    return try_to_write


def _whole_lines(dump: Callable[..., None]) -> Callable[..., None]:
    """Take back half a line, so that what comes later is still a file of json lines."""

    def dump_line(value_dict: dict, file_path: str, file_format: str) -> None:
        size = os.path.getsize(file_path) if os.path.exists(file_path) else 0
        try:
            dump(value_dict, file_path, file_format)
        except OSError:
            if os.path.exists(file_path):
                os.truncate(file_path, size)
            raise

    return dump_line


def _whole_pictures(backend: LocalVisBackend) -> Callable[..., None]:
    """OpenCV does not raise: a picture that is not whole is removed, and the error is made up for."""
    add = backend.add_image

    def add_image(name: str, image: Any, step: int = 0, **kwargs: Any) -> None:
        add(name, image, step, **kwargs)
        file = Path(backend._img_save_dir) / f'{name}_{step}.png'
        # the last chunk of every PNG file
        if not file.is_file() or not file.read_bytes().endswith(b'IEND\xaeB`\x82'):
            file.unlink(missing_ok=True)
            raise OSError(28, 'No space left on device', str(file))

    return add_image


def _say_once(what: str) -> Callable[[logging.LogRecord], None]:
    said = []

    def handle_error(record: logging.LogRecord) -> None:
        if not said:
            said.append(True)
            error = sys.exc_info()[1]
            print(f'{what} could not be written ({error}): lines are left out.', file=sys.stderr, flush=True)

    return handle_error
