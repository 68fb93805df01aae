"""Checkpoints on disk that are complete or absent, and how to find the newest sound one."""

import json
import os
import re
import shutil
import zipfile
from collections.abc import Collection
from pathlib import Path

from mmengine.logging import print_log

POINTER = 'last_checkpoint'  # mmengine's name of the file that names the newest checkpoint
MANIFEST = 'manifest.json'
CHECKPOINT_NAME = re.compile(r'(?!best_|\.).*_\d+\.pth')


def part_name(name: str) -> str:
    """The name under which a checkpoint is written until it is complete."""
    return f'.{name}.part'


def publish(part: Path, final: Path) -> None:
    """Give a written checkpoint, a file or a DeepSpeed directory, its name, once it has reached the disk.

    A directory gets a manifest of its files. A checkpoint of that name is replaced.

    Raises:
        OSError: The disk is full or fails.
    """
    if part.is_dir():
        files = sorted(file for file in part.rglob('*') if file.is_file())
        sizes = {str(file.relative_to(part)): file.stat().st_size for file in files}
        manifest = part / MANIFEST
        manifest.write_text(json.dumps(sizes, indent=1))
        for file in (*files, manifest):
            _flush(file)
    _flush(part)
    old = _old(final)
    if final.is_dir():  # a directory cannot be replaced in one step; see `remove_leftovers`
        final.rename(old)
    part.replace(final)
    _flush(final.parent)
    _remove(old)


def write_pointer(folder: Path, checkpoint: str) -> None:
    """Note the newest checkpoint where mmengine looks for it."""
    part = folder / part_name(POINTER)
    part.write_text(checkpoint)
    _flush(part)
    part.replace(folder / POINTER)
    _flush(folder)


def discard(checkpoint: Path) -> None:
    """Remove a checkpoint, whole or in part, if it is there; what the first renaming leaves is no checkpoint."""
    if checkpoint.exists():
        doomed = checkpoint.with_name(f'.{checkpoint.name.strip(".")}.gone')
        _remove(doomed)
        checkpoint.rename(doomed)
        _remove(doomed)


def remove_leftovers(folder: Path) -> None:
    """Finish what a killed process left half done."""
    for old in folder.glob('.*.old'):
        final = folder / old.name.removeprefix('.').removesuffix('.old')
        if final.exists():
            _remove(old)
        else:
            old.rename(final)
    for rest in (*folder.glob('.*.part'), *folder.glob('.*.gone')):
        _remove(rest)


def find_corruption(checkpoint: Path) -> str | None:
    """What is wrong with a checkpoint, in a few words; ``None`` if it is sound.

    Reads all of it: files of ``torch.save`` are zip archives with a check sum for every tensor.
    """
    if not checkpoint.exists():
        return 'it is not there'
    if checkpoint.is_file():
        return _corruption_of_file(checkpoint)
    manifest = checkpoint / MANIFEST
    if manifest.exists():
        try:
            sizes = json.loads(manifest.read_text())
        except ValueError:
            return f'{MANIFEST} cannot be read'
        for name, size in sizes.items():
            file = checkpoint / name
            if not file.is_file() or file.stat().st_size != size:
                return f'{name} is missing or does not have {size:,} bytes'
    files = sorted(checkpoint.glob('*.pt')) + sorted(checkpoint.glob('*.pth'))
    if not files:
        return 'it holds no file of weights'
    return next((f'{file.name}: {why}' for file in files if (why := _corruption_of_file(file))), None)


def newest_sound(folder: str | os.PathLike, skip: Collection[str] = ()) -> str | None:
    """The checkpoint to resume from: that of ``last_checkpoint``, or the newest other one if it is damaged.

    Args:
        folder: Where the checkpoints of the run are.
        skip: Paths, as returned before, that are not wanted.

    Returns:
        Its path; ``None`` if there is no checkpoint at all. A warning names every damaged one and the one used.

    Raises:
        ValueError: There are checkpoints, and all are damaged.
    """
    folder = Path(folder)
    remove_leftovers(folder)
    damaged = []
    for path in _candidates(folder):
        if str(path) in skip:
            continue
        why = find_corruption(path)
        if why is None:
            for bad, reason in damaged:
                print_log(f'{bad} is damaged ({reason}); {path} is used instead.', 'current', 30)
            return str(path)
        damaged.append((path, why))
    if damaged:
        listed = '; '.join(f'{path} ({why})' for path, why in damaged)
        raise ValueError(f'No checkpoint of {folder} is sound: {listed}. Remove them to start anew, or copy one back.')
    return None


def _candidates(folder: Path) -> list[Path]:
    found = [path for path in folder.glob('*_*.pth') if CHECKPOINT_NAME.fullmatch(path.name)]
    found.sort(key=lambda path: path.stat().st_mtime, reverse=True)
    pointer = folder / POINTER
    if pointer.exists():
        noted = Path(pointer.read_text().strip())
        here = folder / noted.name  # the folder may have been moved
        newest = here if here.exists() or not noted.exists() else noted
        found = [newest, *(path for path in found if path != newest)]
    return found


def _corruption_of_file(file: Path) -> str | None:
    try:
        with zipfile.ZipFile(file) as archive:
            bad = archive.testzip()
    except (zipfile.BadZipFile, OSError, EOFError, NotImplementedError, ValueError) as error:
        return f'{file.stat().st_size:,} bytes that are no complete archive: {error}'
    return None if bad is None else f'the check sum of {bad} is wrong'


def _flush(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


def _old(final: Path) -> Path:
    return final.with_name(f'.{final.name}.old')


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
