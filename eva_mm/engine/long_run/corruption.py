"""Whether a checkpoint can be resumed from, found out by reading all of it."""

import json
import warnings
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch

MANIFEST = 'manifest.json'  # of a directory: sizes of its files


def find_corruption(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, in a few words; ``None`` if it is sound.

    Reads all of it: files of ``torch.save`` are zip archives with a check sum for every tensor. What torch makes of
    the archive is tried as well, with tensors mapped and without running code.
    """
    try:
        if checkpoint.is_file():
            return _corruption_of_file(checkpoint)
        if not checkpoint.exists():
            return 'it is not there'
        return _corruption_of_directory(checkpoint) if checkpoint.is_dir() else 'it is not a regular file'
    except OSError as error:
        return f'it cannot be read: {error.strerror or error}'


def iteration_of(checkpoint: Path) -> int:
    """After how many iterations a checkpoint was saved; -1 if it does not say, or cannot be read."""
    files = [checkpoint] if checkpoint.is_file() else sorted(checkpoint.glob('*_model_states.pt'))[:1]
    try:
        return int(read_safely(files[0])['meta']['iter'])
    # damaged bytes make torch's readers fail in whatever line comes first
    except Exception:
        return -1


def _corruption_of_directory(checkpoint: Path) -> str | None:
    manifest = checkpoint / MANIFEST
    if manifest.exists():
        try:
            sizes = json.loads(manifest.read_text())
            for name, size in sizes.items():
                if not _has_size(checkpoint / name, size):
                    return f'{_printable(name)} is missing or does not have {size:,} bytes'
        except (ValueError, AttributeError, TypeError):
            return f'{MANIFEST} cannot be read'
    files = sorted(each for each in checkpoint.iterdir() if each.suffix in ('.pt', '.pth'))
    if not files:
        return 'it holds no file of weights'
    return next((f'{file.name}: {why}' for file in files if (why := _corruption_of_file(file))), None)


def _has_size(file: Path, size: int) -> bool:
    return file.is_file() and file.stat().st_size == size


def _corruption_of_file(file: Path) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            bad = archive.testzip()
        if bad is not None:
            return f'the check sum of {_printable(bad)} is wrong'
    # zipfile raises what its parsers meet: struct.error, UnicodeDecodeError, RuntimeError, NotImplementedError, ...
    except Exception as error:
        return f'{file.stat().st_size:,} bytes that are no complete archive: {_printable(error)}'
    try:
        content = read_safely(file)
    except Exception as error:  # as in `iteration_of`
        return f'torch cannot load it: {_printable(error)}'
    return None if isinstance(content, dict) else f'it holds a {type(content).__name__}, expected a dict'


def read_safely(file: Path) -> Any:
    """What ``torch.save`` has written, with tensors mapped from the file; no code is run."""
    with _deepspeed_allowed(file), warnings.catch_warnings():
        warnings.simplefilter('ignore')
        return torch.load(file, map_location='cpu', weights_only=True, mmap=True)


@contextmanager
def _deepspeed_allowed(file: Path) -> Iterator[None]:
    """Allow-list what DeepSpeed's own files hold beside tensors."""
    if not file.name.endswith('_states.pt') or find_spec('deepspeed') is None:
        yield
        return
    from eva_mm.engine.deepspeed.checkpoint import state_classes

    with torch.serialization.safe_globals(state_classes()):
        yield


def _printable(error: object) -> str:
    text = str(error).strip().split('\n')[0].split(' In PyTorch 2.6')[0]
    return ''.join(letter if letter.isprintable() else '?' for letter in text)[:200] or type(error).__name__
