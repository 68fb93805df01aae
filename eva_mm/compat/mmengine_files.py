"""mmengine: files of data, opened as regular files and never unpickled without restriction."""

from types import ModuleType
from typing import Any

__all__ = ['read_plain_pickles', 'read_plain_yaml', 'read_regular_files']


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
