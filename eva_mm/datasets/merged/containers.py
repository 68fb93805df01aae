"""Where images lie: the folders, tar shards and zip files of a source."""

import io
import os
from collections.abc import Iterator, Mapping
from glob import glob, has_magic
from itertools import groupby
from typing import NamedTuple

from eva_mm.safe_io.files import open_regular
from eva_mm.safe_io.images import IMAGE_SUFFIXES
from eva_mm.safe_io.printed import quoted

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
    """Containers at and below a folder; links to folders below it are not followed.

    A folder that cannot be read, or that holds links, is a container even without an image: scanning it says so.
    """
    try:
        with os.scandir(os.path.join(root, path)) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        yield Container(source, FOLDER, path)
        return
    if any(suffix_of(entry.name) in IMAGE_SUFFIXES or entry.is_symlink() for entry in entries):
        yield Container(source, FOLDER, path)
    for entry in entries:
        inner = os.path.join(path, entry.name)
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(root, inner, source)
        elif suffix_of(entry.name) in _ARCHIVES:
            yield Container(source, _ARCHIVES[suffix_of(entry.name)], inner)


def _from_list(root: str, path: str, source: int) -> Iterator[Container]:
    """The folders of the files that a list names, one path a line, relative to the root or absolute."""
    names = set()
    with open_regular(os.path.join(root, path)) as file:
        # names may hold bytes that are not UTF-8
        lines = io.TextIOWrapper(file, 'utf-8-sig', errors='surrogateescape')
        for number, line in enumerate(lines, start=1):
            folder, name = os.path.split(line.rstrip('\r\n'))
            if not line.strip():
                continue
            if '..' in folder.split('/') or is_unsafe(name):
                raise ValueError(
                    f'{path}, line {number}: {quoted(line.strip())} is not the name of a file below the root; '
                    'write names of files without "..".'
                )
            names.add((folder, name))
    for folder, group in groupby(sorted(names), key=lambda name: name[0]):
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
