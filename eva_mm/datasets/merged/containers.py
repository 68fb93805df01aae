"""Where images lie: the folders, tar shards and zip files of a source."""

import os
from collections.abc import Iterator, Mapping
from glob import glob, has_magic
from itertools import groupby
from typing import NamedTuple

from eva_mm.datasets.merged.decode import IMAGE_SUFFIXES

FOLDER, TAR, ZIP = range(3)
KIND_NAMES = ('folder', 'tar', 'zip')
_ARCHIVES = {'.tar': TAR, '.zip': ZIP}


class Container(NamedTuple):
    """A folder (without its sub-folders), a tar shard or a zip file.

    Attributes:
        source: Number of the source that it belongs to.
        kind: ``FOLDER``, ``TAR`` or ``ZIP``.
        path: Relative to the root of the data, or absolute.
        names: For a folder from a list: the files that the list names; else all images in it.
    """

    source: int
    kind: int
    path: str
    names: tuple[str, ...] | None = None


def suffix_of(name: str) -> str:
    """The suffix of a file name in lower case, such as ``'.jpg'``."""
    return os.path.splitext(name)[1].lower()


def is_unsafe(name: str) -> bool:
    """Whether a name leads out of its folder or is none."""
    return not name or name.startswith('/') or '\0' in name or '..' in name.split('/')


def _walk(root: str, path: str, source: int) -> Iterator[Container]:
    """Containers at and below a folder; links to folders below it are not followed."""
    with os.scandir(os.path.join(root, path)) as listing:
        entries = sorted(listing, key=lambda entry: entry.name)
    if any(suffix_of(entry.name) in IMAGE_SUFFIXES for entry in entries):
        yield Container(source, FOLDER, path)
    for entry in entries:
        inner = os.path.join(path, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, inner, source)
        elif suffix_of(entry.name) in _ARCHIVES:
            yield Container(source, _ARCHIVES[suffix_of(entry.name)], inner)


def _from_list(root: str, path: str, source: int) -> Iterator[Container]:
    """The folders of the files that a list names, one path a line, relative to the root or absolute."""
    with open(os.path.join(root, path), errors='surrogateescape') as file:
        names = sorted({os.path.split(line.rstrip('\n')) for line in file if line.strip()})
    unsafe = next((os.path.join(*name) for name in names if '..' in name[0].split('/') or is_unsafe(name[1])), None)
    if unsafe is not None:
        raise ValueError(f'The list {path} names {unsafe!r}: give names of files, without "..".')
    for folder, group in groupby(names, key=lambda name: name[0]):
        yield Container(source, FOLDER, folder, tuple(name for _, name in group))


def find_containers(root: str, sources: Mapping[str, str]) -> Iterator[Container]:
    """All containers of all sources, always in the same order.

    Args:
        root: What paths are relative to.
        sources: By name: a folder, with everything below it; a ``.tar`` or ``.zip`` file; a ``.txt`` list of files;
            or a pattern with ``*`` of such.

    Raises:
        FileNotFoundError: A source does not exist.
        ValueError: It is none of these, or has ``..`` in it.
    """
    for number, (name, pattern) in enumerate(sources.items()):
        if '..' in pattern.split('/'):
            raise ValueError(f'The source {name!r} is {pattern!r}: give a path without "..", or an absolute one.')
        paths = sorted(glob(pattern, root_dir=root)) if has_magic(pattern) else [pattern]
        missing = [path for path in paths if not os.path.exists(os.path.join(root, path))]
        if missing or not paths:
            raise FileNotFoundError(
                f'The source {name!r} is {pattern!r}, which does not exist in {root}: get it, or change sources.'
            )
        for path in paths:
            suffix = suffix_of(path)
            if os.path.isdir(os.path.join(root, path)):
                yield from _walk(root, '' if path == '.' else path, number)
            elif suffix in _ARCHIVES:
                yield Container(number, _ARCHIVES[suffix], path)
            elif suffix == '.txt':
                yield from _from_list(root, path, number)
            else:
                raise ValueError(f'The source {name!r} is {pattern!r}: expected a folder, .tar, .zip or .txt file.')
