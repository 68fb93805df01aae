"""Tar files within limits: none of these hangs or fills the memory."""

import bz2
import gzip
import io
import os
import tarfile

import pytest

from eva_mm.safe_io.files import NotRegularError
from eva_mm.safe_io.tar_stream import TarLimitError, members


def tar_of(sizes, form=tarfile.PAX_FORMAT, names=None):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=form) as archive:
        for number, size in enumerate(sizes):
            member = tarfile.TarInfo((names or {}).get(number, f'{number}.jpg'))
            member.size = size
            archive.addfile(member, io.BytesIO(bytes(size)))
    return buffer.getvalue()


def header(size, kind=tarfile.REGTYPE, form=tarfile.GNU_FORMAT):
    member = tarfile.TarInfo('a.jpg')
    member.size, member.type = size, kind
    return member.tobuf(form)


@pytest.mark.parametrize('pack', [bytes, gzip.compress])
@pytest.mark.parametrize('form', [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_members_come_in_their_order(pack, form, tmp_path):
    (tmp_path / 'a.tar').write_bytes(pack(tar_of([10, 600, 0], form, {1: 'a' * 3000 + '.jpg'})))
    assert [(name[-6:], len(content)) for name, content in members(tmp_path / 'a.tar')] == [
        ('0.jpg', 10), ('aa.jpg', 600), ('2.jpg', 0)
    ]  # fmt: skip


def test_links_and_devices_are_left_out(tmp_path):
    with tarfile.open(tmp_path / 'a.tar', 'w') as archive:
        for kind in (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.DIRTYPE):
            member = tarfile.TarInfo('x.jpg')
            member.type, member.linkname = kind, '/etc/passwd'
            archive.addfile(member)
    assert list(members(tmp_path / 'a.tar')) == []


@pytest.mark.parametrize(
    'content, sound, message',
    [
        (header(2**60), 0, 'a member of 1,152,921,504,606,846,976 bytes'),
        (header(2**60, form=tarfile.PAX_FORMAT), 0, 'a member of'),
        (gzip.compress(header(2**60)), 0, 'a member of'),
        (header(2**60, tarfile.XHDTYPE), 0, 'a header of'),
        (header(2**60, tarfile.GNUTYPE_LONGNAME), 0, 'a header of'),
        (gzip.compress(header(2**34, tarfile.XGLTYPE) + bytes(2**20)), 0, 'a header of'),
        (gzip.compress(tar_of([60 * 2**20] * 4)), 1, 'compressed ones'),
        (bz2.compress(tar_of([10])), 0, 'something else than gzip'),
        (tar_of([10, 600])[:1024], 1, 'missing header'),
        (tar_of([10, 600])[:1600], 1, 'damaged'),
        (tar_of([10, 600])[:1024] + b'x' * 512, 1, 'damaged'),
        (b'', 0, 'missing header'),
        (b'abc' * 1000, 0, 'damaged'),
    ],
    ids=lambda value: 'content' if isinstance(value, bytes) else str(value),
)
def test_what_is_absurd_or_damaged_ends_in_one_line(content, sound, message, tmp_path):
    (tmp_path / 'a.tar').write_bytes(content)
    read = members(tmp_path / 'a.tar')
    for _ in range(sound):
        next(read)
    with pytest.raises(TarLimitError, match=message):
        list(read)


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'a.tar')
    with pytest.raises(NotRegularError, match='named pipe'):
        list(members(tmp_path / 'a.tar'))
