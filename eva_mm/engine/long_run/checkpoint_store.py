"""Checkpoints on disk that are complete or absent, and how to find the newest sound one."""

import json
import os
import re
import shutil
from collections.abc import Collection
from pathlib import Path

from mmengine.logging import print_log

from eva_mm.engine.long_run.corruption import MANIFEST, find_corruption, iteration_of
from eva_mm.whole_file import whole_file

POINTER = 'last_checkpoint'  # mmengine's name of the file that names the newest checkpoint
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
            flush(file)
    flush(part)
    old = _old(final)
    if final.is_dir():  # a directory cannot be replaced in one step; see `remove_leftovers`
        final.rename(old)
    part.replace(final)
    flush(final.parent)
    _remove(old)


def write_pointer(folder: Path, checkpoint: str) -> None:
    """Note the newest checkpoint where mmengine looks for it."""
    write_whole(folder / POINTER, checkpoint)


def write_whole(file: Path, text: str) -> None:
    """Write a file that is complete or as it was before, whatever happens.

    Raises:
        OSError: The disk is full or fails; nothing is left behind.
    """
    with whole_file(file) as part:
        part.write_text(text)
        flush(part)
    flush(file.parent)


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


def checkpoints_in(folder: Path) -> list[Path]:
    """All checkpoints of runs in a folder, best ones included, by name."""
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.glob('*_*.pth') if re.fullmatch(r'[^.].*_\d+\.pth', path.name))


def newest_sound(folder: str | os.PathLike, skip: Collection[str] = ()) -> str | None:
    """The checkpoint to resume from: that of ``last_checkpoint``, or the one of the latest iteration that is sound.

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
    """The noted checkpoint, then all others from the latest iteration on; file times say nothing after a copy."""
    noted = _noted(folder)
    folders = {folder, noted.parent} if noted else {folder}
    found = {path for each in folders for path in checkpoints_in(each) if CHECKPOINT_NAME.fullmatch(path.name)}
    return [*([noted] if noted else []), *sorted(found - {noted}, key=_order, reverse=True)]


def _noted(folder: Path) -> Path | None:
    try:
        noted = Path((folder / POINTER).read_text().strip())
    except (OSError, ValueError):
        return None
    if not CHECKPOINT_NAME.fullmatch(noted.name):
        return None
    here = folder / noted.name  # the folder may have been moved
    return here if here.exists() or not noted.exists() else noted


def _order(path: Path) -> tuple[int, int, str]:
    """Iteration, or -1 if it cannot be read, and what the name says."""
    return iteration_of(path), int(re.findall(r'\d+', path.stem)[-1]), path.name


def flush(path: Path) -> None:
    """Wait until a file or a directory has reached the disk."""
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
