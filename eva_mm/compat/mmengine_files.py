"""mmengine: data files are regular files, never unpickled without restriction, and never left half written."""

import errno
import os
from collections.abc import Callable
from functools import wraps
from types import ModuleType
from typing import Any

__all__ = ['guard_local_files', 'read_plain_pickles', 'read_plain_yaml']


def guard_local_files(local_backend: ModuleType) -> None:
    """Both repairs of mmengine's local file backend."""
    read_regular_files(local_backend)
    remove_half_files(local_backend)


def remove_half_files(local_backend: ModuleType) -> None:
    """Remove what a full disk left of a picture or a result.

    Defect: ``LocalBackend.put`` and ``put_text`` of mmengine 0.10.7 (all versions so far), through which the hosts
    write pictures, predictions and annotations, leave an empty or cut file behind on a full disk.
    Gone when a ``put`` of more bytes than RLIMIT_FSIZE allows leaves no file.
    """
    for name in ('put', 'put_text'):
        method = getattr(local_backend.LocalBackend, name)
        if not hasattr(method, '__wrapped__'):
            setattr(local_backend.LocalBackend, name, _removing(method))


def _removing(write: Callable[..., None]) -> Callable[..., None]:
    @wraps(write)
    def write_or_remove(self: Any, obj: Any, filepath: Any, *args: Any, **kwargs: Any) -> None:
        try:
            write(self, obj, filepath, *args, **kwargs)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG) and os.path.isfile(filepath):
                os.remove(filepath)
            raise

    return write_or_remove


def read_regular_files(local_backend: ModuleType) -> None:
    """Let mmengine's file backend open regular files only, and accept a byte order mark in UTF-8.

    Defect: mmengine up to 0.10.7 opens whatever a list of data names: a named pipe waits for ever, a device delivers
    without end; and JSON with a byte order mark is refused.
    Gone when ``LocalBackend().get`` of a named pipe is an error.
    """
    from eva_mm.safe_io.files import decode_text, read_bytes

    backend = local_backend.LocalBackend

    def get(self: Any, filepath: Any) -> bytes:
        return read_bytes(filepath)

    def get_text(self: Any, filepath: Any, encoding: str = 'utf-8') -> str:
        content = read_bytes(filepath)
        if encoding.lower().replace('_', '-') in ('utf-8', 'utf8'):
            return decode_text(content, filepath)
        return content.decode(encoding)

    backend.get, backend.get_text = get, get_text


def read_plain_pickles(pickle_handler: ModuleType) -> None:
    """Let ``mmengine.load`` read pickles of plain values and numeric arrays alone.

    Defect: mmengine up to 0.10.7 unpickles annotation files, proposals and results without restriction.
    Gone when ``mmengine.load`` refuses a pickle that calls ``os.system``.
    """
    from eva_mm.safe_io.pickles import load_plain

    def load_from_fileobj(self: Any, file: Any, **kwargs: Any) -> Any:
        return load_plain(file, **kwargs)

    pickle_handler.PickleHandler.load_from_fileobj = load_from_fileobj


def read_plain_yaml(yaml_handler: ModuleType) -> None:
    """Let ``mmengine.load`` read YAML of plain values alone.

    Defect: mmengine up to 0.10.7 uses ``yaml.Loader``, which makes any object that a file names.
    Gone when ``mmengine.load`` refuses a YAML file with ``!!python/object/apply:os.system``.
    """
    import yaml

    yaml_handler.Loader = getattr(yaml, 'CSafeLoader', yaml.SafeLoader)
