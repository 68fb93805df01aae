"""Bytes of a file, or of a part of an archive, by position."""

import os
import stat
import tarfile
import zlib
from collections import OrderedDict

from eva_mm.datasets.faults import Fault, shown

_LOCAL_HEADER = b'PK\x03\x04'
# how far before its data the header of a zip member may begin
_LONGEST_HEADER = 1024


def _unreadable(name: str, error: OSError) -> Fault:
    return Fault(f'{shown(name)} cannot be read ({error.strerror}): restore it.', 'missing')


class Files:
    """Open archives; the one that was not used for longest is closed first.

    Reading has no position of its own, so processes that were forked may share the files.

    Args:
        limit: Archives that are open at the same time.
        max_bytes: Largest file or member that is read.
    """

    def __init__(self, limit: int = 64, max_bytes: int = 64 * 2**20) -> None:
        self.limit = limit
        self.max_bytes = max_bytes
        self._open: OrderedDict[str, int] = OrderedDict()

    def __reduce__(self) -> tuple:
        return type(self), (self.limit, self.max_bytes)

    def __del__(self) -> None:
        for descriptor in self._open.values():
            os.close(descriptor)

    def _open_regular(self, path: str) -> tuple[int, int]:
        """Descriptor and size of a regular file."""
        try:
            # a pipe must not make the run wait
            descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        except OSError as error:
            raise _unreadable(path, error) from error
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            os.close(descriptor)
            raise Fault(f'{shown(path)} is no regular file: take it off the index.', 'missing')
        return descriptor, status.st_size

    def _too_large(self, name: str, size: int) -> Fault:
        return Fault(f'{shown(name)} has {size} bytes, more than max_bytes={self.max_bytes}: replace it.', 'too large')

    def whole(self, path: str) -> bytes:
        """A whole file.

        Raises:
            Fault: It is missing, no regular file, or too large.
        """
        descriptor, size = self._open_regular(path)
        with open(descriptor, 'rb') as file:
            if size > self.max_bytes:
                raise self._too_large(path, size)
            try:
                return file.read(self.max_bytes)
            except OSError as error:
                raise _unreadable(path, error) from error

    def _archive(self, path: str, expected: int) -> int:
        if path in self._open:
            self._open.move_to_end(path)
            return self._open[path]
        descriptor, size = self._open_regular(path)
        if size != expected:
            os.close(descriptor)
            raise Fault(
                f'{shown(path)} has {size} bytes and had {expected} when it was indexed: build the index again.',
                'changed',
            )
        self._open[path] = descriptor
        if len(self._open) > self.limit:
            os.close(self._open.popitem(last=False)[1])
        return descriptor

    def part(self, path: str, archive_size: int, offset: int, size: int, deflated: bool) -> bytes:
        """``size`` bytes of an archive, inflated where they are deflated.

        Raises:
            Fault: The archive is missing or is another one than was indexed; the part is too large, lies
                beyond its end, or cannot be inflated.
        """
        name = f'{path} at byte {offset}'
        if size > self.max_bytes:
            raise self._too_large(name, size)
        if offset + size > archive_size:
            raise Fault(f'{shown(name)} ends beyond the archive: build the index again.', 'changed')
        try:
            content = os.pread(self._archive(path, archive_size), size, offset)
        except OSError as error:
            raise _unreadable(name, error) from error
        if len(content) < size:
            raise Fault(f'{shown(name)} has {len(content)} of {size} bytes: restore it.', 'truncated')
        return self._inflate(content, name) if deflated else content

    def _inflate(self, content: bytes, name: str) -> bytes:
        stream = zlib.decompressobj(-zlib.MAX_WBITS)
        try:
            inflated = stream.decompress(content, self.max_bytes + 1)
        except zlib.error as error:
            raise Fault(f'{shown(name)} cannot be inflated ({error}): replace it.') from error
        if len(inflated) > self.max_bytes:
            raise self._too_large(name, len(inflated))
        return inflated

    def member_name(self, path: str, archive_size: int, offset: int, is_zip: bool) -> str:
        """The name of the member whose data begin at ``offset``, from the header before them; empty if unknown."""
        before = min(offset, _LONGEST_HEADER if is_zip else tarfile.BLOCKSIZE)
        try:
            header = os.pread(self._archive(path, archive_size), before, offset - before)
            if not is_zip:
                return tarfile.TarInfo.frombuf(header, 'utf-8', 'surrogateescape').name
        except (Fault, tarfile.HeaderError):
            return ''
        start = header.rfind(_LOCAL_HEADER)
        while start >= 0:
            name_length = int.from_bytes(header[start + 26 : start + 28], 'little')
            extra_length = int.from_bytes(header[start + 28 : start + 30], 'little')
            if start + 30 + name_length + extra_length == len(header):
                return os.fsdecode(header[start + 30 : start + 30 + name_length])
            start = header.rfind(_LOCAL_HEADER, 0, start)
        return ''
