"""Members of a tar file in turn, plain or compressed with gzip, within limits of memory and time."""

import os
import tarfile
from collections.abc import Iterator

from eva_mm.safe_io.files import open_regular
from eva_mm.safe_io.printed import reason_of

MAX_MEMBER = 64 * 2**20
# of headers that hold long names and attributes
MAX_HEADER = 2**20
# captions and headers compress well, images do not; a bomb does a thousandfold
MAX_EXPANSION = 100
_FREE = 64 * 2**20
_GZIP = b'\x1f\x8b'
# a few bytes of these expand to gigabytes in one step
_OTHERS = (b'BZh', b'\xfd7zXZ', b'\x28\xb5\x2f\xfd')
_LONG_NAMES = (tarfile.GNUTYPE_LONGNAME, tarfile.GNUTYPE_LONGLINK, tarfile.XHDTYPE, tarfile.XGLTYPE,
               tarfile.SOLARIS_XHDTYPE)  # fmt: skip


class TarLimitError(ValueError):
    """A tar file is damaged, or asks for more memory or time than it is worth."""


class LimitedMember(tarfile.TarInfo):
    """A member whose header is not followed by more than :data:`MAX_HEADER` bytes of names."""

    def _proc_member(self, archive: tarfile.TarFile) -> tarfile.TarInfo:
        if self.type in _LONG_NAMES and self.size > MAX_HEADER:
            raise TarLimitError(f'a header of {self.size:,} bytes')
        return super()._proc_member(archive)


class _Member(LimitedMember):
    """A member; where :mod:`tarfile` would stop without a word is an error here."""

    @classmethod
    def frombuf(cls, buf: bytes, encoding: str, errors: str) -> '_Member':
        try:
            return super().frombuf(buf, encoding, errors)
        except (tarfile.EmptyHeaderError, tarfile.TruncatedHeaderError, tarfile.InvalidHeaderError) as error:
            # a header of zeros is the mark of the end
            raise TarLimitError(f'a damaged or missing header ({error})') from error


def members(path: str | os.PathLike, max_member: int = MAX_MEMBER) -> Iterator[tuple[str, bytes]]:
    """Name and content of each regular file in a tar file, in their order.

    Links, devices and sparse files are left out. Nothing is unpacked.

    Args:
        path: The tar file.
        max_member: Largest member.

    Raises:
        FileNotFoundError, NotRegularError: There is no such file, or it is not a regular one.
        TarLimitError: It is damaged from here on, a member is larger than allowed, or it expands too much.
    """
    try:
        yield from _members(path, max_member)
    except (tarfile.TarError, EOFError, OverflowError, MemoryError, UnicodeError, RecursionError) as error:
        raise TarLimitError(f'damaged ({reason_of(error, 80)})') from error


def _members(path: str | os.PathLike, max_member: int) -> Iterator[tuple[str, bytes]]:
    with open_regular(path) as file:
        head = file.peek(8)
        if head.startswith(_OTHERS):
            raise TarLimitError('compressed with something else than gzip; unpack it to a plain tar file')
        mode = 'r|gz' if head.startswith(_GZIP) else 'r|'
        with tarfile.open(fileobj=file, mode=mode, tarinfo=_Member) as archive:
            while (member := archive.next()) is not None:
                # it would keep every header in memory
                archive.members.clear()
                if not 0 <= member.size <= max_member:
                    raise TarLimitError(f'a member of {member.size:,} bytes, more than {max_member:,}')
                if archive.offset > _FREE + MAX_EXPANSION * file.tell():
                    raise TarLimitError(f'{archive.offset:,} bytes out of {file.tell():,} compressed ones')
                if member.isreg() and not member.issparse():
                    yield member.name, archive.extractfile(member).read()
