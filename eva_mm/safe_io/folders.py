"""The files below a directory, and by what reason others were left out."""

import os
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from eva_mm.safe_io.printed import printable


@dataclass
class Listing:
    """What a directory holds.

    Attributes:
        files: Regular files with a wanted name, sorted.
        skipped: How many others there are, by reason.
        examples: The first of each reason.
    """

    files: list[Path] = field(default_factory=list)
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)

    def skip(self, reason: str, path: str | os.PathLike) -> None:
        """Count one more that was left out."""
        self.skipped[reason] += 1
        self.examples.setdefault(reason, printable(path))

    @classmethod
    def joined(cls, listings: Iterable['Listing']) -> 'Listing':
        """What several directories hold."""
        whole = cls()
        for each in listings:
            whole.files += each.files
            whole.skipped += each.skipped
            whole.examples = {**each.examples, **whole.examples}
        return whole

    def remark(self) -> str:
        """One line on what was left out; empty if nothing was."""
        parts = (f'{count:,} {reason} ({self.examples[reason]})' for reason, count in self.skipped.most_common())
        return f'Skipped: {", ".join(parts)}.' if self.skipped else ''


def list_files(root: str | os.PathLike, suffixes: Collection[str]) -> Listing:
    """All regular files with one of these suffixes below a directory.

    Links to files are followed. Links to directories, hidden files, pipes, devices, links to themselves, directories
    that cannot be read and files with other suffixes are left out and counted.

    Args:
        root: The directory; it may be a link itself.
        suffixes: In lower case, with their dot.

    Raises:
        OSError: ``root`` is not a directory or cannot be read.
    """
    found = Listing()
    with os.scandir(root):
        pass  # an error of the root is the caller's
    for entry in _walk(Path(root), found):
        reason = _reason(entry, suffixes)
        if reason:
            found.skip(reason, entry.path)
        else:
            found.files.append(Path(entry.path))
    found.files.sort()
    return found


def _walk(folder: Path, found: Listing) -> Iterator[os.DirEntry]:
    """Everything below a directory that is not a directory."""
    try:
        with os.scandir(folder) as listing:
            entries = sorted(listing, key=lambda entry: entry.name)
    except OSError:
        found.skip('unreadable directories', folder)
        return
    for entry in entries:
        if entry.is_dir(follow_symlinks=False):
            yield from _walk(Path(entry.path), found)
        else:
            yield entry


def _reason(entry: os.DirEntry, suffixes: Collection[str]) -> str:
    """Why an entry is left out; empty if it is not."""
    try:
        is_file, is_dir = entry.is_file(), entry.is_dir()
    except OSError:  # a link to itself
        return 'links to themselves'
    if is_dir:
        return 'links to directories'
    if entry.name.startswith('.'):
        return 'hidden files'
    if os.path.splitext(entry.name)[1].lower() not in suffixes:
        return 'files with other suffixes'
    if not is_file:
        return 'broken links' if entry.is_symlink() else 'pipes, sockets or devices'
    return ''
