"""The images of one container and their positions, without decoding them and without unpacking anything."""

import os
import stat
import tarfile
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from eva_mm.datasets.merged.containers import FOLDER, TAR, Container, is_unsafe, suffix_of
from eva_mm.safe_io.files import NotRegularError, check_regular, open_regular
from eva_mm.safe_io.images import IMAGE_SUFFIXES
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.tar_stream import LimitedMember

# one image: of an archive, position and length of the member's bytes; of a folder, of its name in the text
IMAGE = np.dtype([('offset', '<u8'), ('size', '<u4')])

# the highest bit of an offset: the bytes are deflated
DEFLATED = 1 << 63

_LARGEST = 2**32 - 1
_ENCRYPTED = 1


@dataclass
class Scan:
    """What a container holds.

    Attributes:
        images: Array of :data:`IMAGE`; offsets of a folder are relative to ``text``.
        text: For a folder, the names without ``prefix`` and ``suffix``, one after the other.
        prefix: What all names of a folder begin with.
        suffix: What they end with.
        size: Bytes of the archive; 0 for a folder.
        skipped: Members that are not in ``images``, by reason.
        examples: The first of each reason.
        problem: Why the rest of the container could not be read; empty if all was.
    """

    images: np.ndarray
    text: bytes = b''
    prefix: bytes = b''
    suffix: bytes = b''
    size: int = 0
    skipped: Counter[str] = field(default_factory=Counter)
    examples: dict[str, str] = field(default_factory=dict)
    problem: str = ''


class Skipped:
    """What is left out of a container: counts by reason, and the first name of each."""

    def __init__(self) -> None:
        self.counts: Counter[str] = Counter()
        self.examples: dict[str, str] = {}

    def add(self, reason: str, name: str) -> None:
        """Count one more."""
        self.counts[reason] += 1
        self.examples.setdefault(reason, printable(name))


def _as_images(pairs: list[tuple[int, int]]) -> np.ndarray:
    return np.array(pairs, dtype=IMAGE) if pairs else np.empty(0, dtype=IMAGE)


def _common_suffix(names: list[bytes], prefix: bytes) -> bytes:
    ends = [name[len(prefix) :][::-1] for name in names]
    return os.path.commonprefix(ends)[::-1]


def _reason_of_entry(entry: os.DirEntry) -> str:
    """Why an entry of a folder is not an image; empty if it is one, or a folder that is looked into by itself."""
    is_image = suffix_of(entry.name) in IMAGE_SUFFIXES
    try:
        is_file, is_dir = entry.is_file(), entry.is_dir()
    except OSError:
        return 'link to itself'
    if is_dir:
        return 'link to a folder' if entry.is_symlink() else ''
    if not is_image:
        return 'no image name'
    return '' if is_file else 'no regular file'


def _scan_folder(path: str, names: tuple[str, ...] | None, skipped: Skipped) -> Scan:
    if names is None:
        found = []
        with os.scandir(path) as listing:
            for entry in sorted(listing, key=lambda entry: entry.name):
                reason = _reason_of_entry(entry)
                if reason:
                    skipped.add(reason, entry.name)
                elif not entry.is_dir():
                    found.append(entry.name)
        names = tuple(found)
    encoded = [os.fsencode(name) for name in names]
    prefix = os.path.commonprefix(encoded)
    suffix = _common_suffix(encoded, prefix)
    middles = [name[len(prefix) : len(name) - len(suffix)] for name in encoded]
    images = np.empty(len(middles), dtype=IMAGE)
    images['size'] = [len(middle) for middle in middles]
    images['offset'] = np.cumsum(images['size'], dtype=np.int64) - images['size']
    return Scan(images, b''.join(middles), prefix, suffix, skipped=skipped.counts, examples=skipped.examples)


def _reason_of_tar(member: tarfile.TarInfo, size: int) -> str:
    if not member.isreg():
        return 'link' if member.issym() or member.islnk() else 'no regular file'
    if is_unsafe(member.name):
        return 'unsafe name'
    if suffix_of(member.name) not in IMAGE_SUFFIXES:
        return 'no image name'
    if member.issparse():
        return 'sparse'
    if member.offset_data + member.size > size:
        return 'cut off'
    return 'too large' if member.size > _LARGEST else ''


def _tar_members(archive: tarfile.TarFile, path: str) -> Iterator[tarfile.TarInfo]:
    """Members in turn, none of which is kept.

    Raises:
        tarfile.ReadError: The archive goes back to an earlier member, or ends without the mark of its end.
    """
    last = -1
    while (member := archive.next()) is not None:
        archive.members.clear()
        if archive.offset <= last:
            raise tarfile.ReadError(f'a member of negative size at byte {last}')
        last = archive.offset
        yield member
    with open_regular(path) as file:
        file.seek(archive.offset)
        mark = file.read(tarfile.BLOCKSIZE)
    # tarfile stops at a damaged header without a word
    if mark != bytes(tarfile.BLOCKSIZE):
        raise tarfile.ReadError(f'damaged or cut off at byte {archive.offset}')


def _scan_tar(path: str, skipped: Skipped) -> Scan:
    size, pairs, problem = check_regular(path).st_size, [], ''
    try:
        # "r:" takes no compressed archives: in those, nothing can be read from the middle
        with open_regular(path) as file, tarfile.open(fileobj=file, mode='r:', tarinfo=LimitedMember) as archive:
            for member in _tar_members(archive, path):
                reason = _reason_of_tar(member, size)
                if not reason:
                    pairs.append((member.offset_data, member.size))
                elif not member.isdir():
                    skipped.add(reason, member.name)
    # headers with impossible numbers make tarfile fail in whatever line comes first
    except Exception as error:
        problem = str(error) or type(error).__name__
    return Scan(_as_images(pairs), size=size, skipped=skipped.counts, examples=skipped.examples, problem=problem)


def _reason_of_zip(member: zipfile.ZipInfo, size: int) -> str:
    mode = member.external_attr >> 16
    if mode and not stat.S_ISREG(mode) and stat.S_IFMT(mode):
        return 'link' if stat.S_ISLNK(mode) else 'no regular file'
    if is_unsafe(member.filename):
        return 'unsafe name'
    if suffix_of(member.filename) not in IMAGE_SUFFIXES:
        return 'no image name'
    if member.flag_bits & _ENCRYPTED:
        return 'encrypted'
    if member.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return 'unknown compression'
    if member.header_offset + 30 + member.compress_size > size:
        return 'cut off'
    return 'too large' if max(member.compress_size, member.file_size) > _LARGEST else ''


def _data_offset(file: int, member: zipfile.ZipInfo) -> int | None:
    """Where the bytes of a member begin; ``None`` if there is no header where the directory says."""
    header = os.pread(file, 30, member.header_offset)
    if len(header) < 30 or not header.startswith(b'PK\x03\x04'):
        return None
    lengths = int.from_bytes(header[26:28], 'little') + int.from_bytes(header[28:30], 'little')
    return member.header_offset + 30 + lengths


def _scan_zip(path: str, skipped: Skipped) -> Scan:
    size, pairs, problem, end = check_regular(path).st_size, [], '', 0
    try:
        with open_regular(path) as opened, zipfile.ZipFile(opened) as archive:
            file = opened.fileno()
            for member in sorted(archive.infolist(), key=lambda each: each.header_offset):
                if member.filename.endswith('/'):
                    continue
                start = _data_offset(file, member)
                reason = 'no header' if start is None else _reason_of_zip(member, size)
                # members that share bytes are how a small file becomes petabytes
                if not reason and (member.header_offset < end or start + member.compress_size > size):
                    reason = 'overlap'
                if reason:
                    skipped.add(reason, member.filename)
                    continue
                end = start + member.compress_size
                deflated = member.compress_type == zipfile.ZIP_DEFLATED
                pairs.append((start | (DEFLATED if deflated else 0), member.compress_size))
    # damaged headers make zipfile fail in whatever line comes first
    except Exception as error:
        problem = str(error) or type(error).__name__
    return Scan(_as_images(pairs), size=size, skipped=skipped.counts, examples=skipped.examples, problem=problem)


def scan(root: str, container: Container) -> Scan:
    """Find the images of a container.

    Links, devices, names that lead out of the container, encrypted, sparse and overlapping members are left out and
    counted. An archive that is damaged gives what lies before the damage, and says so in ``problem``.
    """
    path, skipped = os.path.join(root, container.path), Skipped()
    try:
        if container.kind == FOLDER:
            return _scan_folder(path, container.names, skipped)
        return _scan_tar(path, skipped) if container.kind == TAR else _scan_zip(path, skipped)
    except (OSError, NotRegularError) as error:
        return Scan(_as_images([]), skipped=skipped.counts, examples=skipped.examples, problem=str(error))
