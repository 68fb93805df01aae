import io
import os
import tarfile
import zipfile
from unittest.mock import patch

import numpy as np
import pytest

from eva_mm.datasets.merged.containers import FOLDER, TAR, ZIP, Container, find_containers
from eva_mm.datasets.merged.dataset import MergedImages
from eva_mm.datasets.merged.scan import DEFLATED, scan


def test_containers_of_every_kind_in_a_fixed_order(mixed, sources):
    found = list(find_containers(str(mixed), sources))
    assert [(each.source, each.kind, each.path) for each in found] == [
        (0, FOLDER, 'folder/a'), (0, FOLDER, 'folder/b'), (1, TAR, 'shards/00000.tar'), (2, ZIP, 'set.zip')
    ]  # fmt: skip
    assert [each.path for each in find_containers(str(mixed), {'all': '.'})] == [
        'folder/a', 'folder/b', 'set.zip', 'shards/00000.tar'
    ]  # fmt: skip


def test_a_list_of_files(mixed):
    (mixed / 'list.txt').write_text('folder/b/img_003.jpg\nfolder/a/img_002.jpg\nfolder/a/img_000.jpg\n')
    found = list(find_containers(str(mixed), {'some': 'list.txt'}))
    assert [(each.path, each.names) for each in found] == [
        ('folder/a', ('img_000.jpg', 'img_002.jpg')), ('folder/b', ('img_003.jpg',))
    ]  # fmt: skip


@pytest.mark.parametrize('line', ['../secret.jpg', 'a/../../b.jpg', '..'])
def test_a_list_does_not_lead_out(tmp_path, line):
    (tmp_path / 'list.txt').write_text(f'{line}\n')
    with pytest.raises(ValueError, match='without ".."'):
        list(find_containers(str(tmp_path), {'some': 'list.txt'}))


@pytest.mark.parametrize(
    'path, error',
    [('nowhere', FileNotFoundError), ('*.tar', FileNotFoundError), ('a.bin', ValueError), ('../x', ValueError)],
)
def test_a_wrong_source_is_one_sentence(tmp_path, path, error):
    (tmp_path / 'a.bin').touch()
    with pytest.raises(error, match='The source .some. is'):
        list(find_containers(str(tmp_path), {'some': path}))


def test_links_to_folders_are_not_followed_and_links_to_files_are(tmp_path, make, write_files):
    write_files(tmp_path / 'real', {'a.jpg': make('sound')})
    (tmp_path / 'set').mkdir()
    os.symlink(tmp_path / 'set', tmp_path / 'set' / 'loop')
    os.symlink(tmp_path / 'real' / 'a.jpg', tmp_path / 'set' / 'b.jpg')
    os.symlink(tmp_path / 'gone.jpg', tmp_path / 'set' / 'c.jpg')
    os.mkfifo(tmp_path / 'set' / 'd.jpg')
    (container,) = find_containers(str(tmp_path), {'some': 'set'})
    found = scan(str(tmp_path), container)
    assert len(found.images) == 1 and found.skipped == {'no regular file': 2, 'link to a folder': 1}
    assert found.examples == {'no regular file': 'c.jpg', 'link to a folder': 'loop'}


def _tar(path, members):
    with tarfile.open(path, 'w') as archive:
        for name, kind, content in members:
            member = tarfile.TarInfo(name)
            member.type, member.size = kind, len(content)
            member.linkname = '/etc/passwd' if kind in (tarfile.SYMTYPE, tarfile.LNKTYPE) else ''
            archive.addfile(member, io.BytesIO(content))


def test_what_a_tar_must_not_do_is_left_out(tmp_path, make):
    image = make('sound')
    members = [
        ('good.jpg', tarfile.REGTYPE, image),
        ('link.jpg', tarfile.SYMTYPE, b''),
        ('hard.jpg', tarfile.LNKTYPE, b''),
        ('device.jpg', tarfile.CHRTYPE, b''),
        ('pipe.jpg', tarfile.FIFOTYPE, b''),
        ('/etc/evil.jpg', tarfile.REGTYPE, image),
        ('a/../../evil.jpg', tarfile.REGTYPE, image),
        ('folder.jpg', tarfile.DIRTYPE, b''),
        ('words.txt', tarfile.REGTYPE, b'words'),
        ('last.jpg', tarfile.REGTYPE, image),
    ]
    _tar(tmp_path / 'a.tar', members)
    before = set(os.listdir(tmp_path))
    found = scan(str(tmp_path), Container(0, TAR, 'a.tar'))
    assert len(found.images) == 2 and not found.problem
    assert found.skipped == {'link': 2, 'no regular file': 2, 'unsafe name': 2, 'no image name': 1}
    assert set(os.listdir(tmp_path)) == before


def test_a_tar_that_is_cut_off_or_damaged_gives_what_lies_before(tmp_path, make):
    _tar(tmp_path / 'a.tar', [(f'{number}.jpg', tarfile.REGTYPE, make('sound', number)) for number in range(4)])
    content, whole = (tmp_path / 'a.tar').read_bytes(), scan(str(tmp_path), Container(0, TAR, 'a.tar'))
    third = int(whole.images[2]['offset'])
    for name, damaged in (
        ('cut.tar', content[: third + 10]),
        ('header.tar', content[: third - 300] + b'\xff' * 100 + content[third - 200 :]),
    ):
        (tmp_path / name).write_bytes(damaged)
        found = scan(str(tmp_path), Container(0, TAR, name))
        assert len(found.images) == 2 and found.problem, name
    (tmp_path / 'none.tar').write_bytes(b'no archive' * 100)
    found = scan(str(tmp_path), Container(0, TAR, 'none.tar'))
    assert not len(found.images) and found.problem


def test_a_compressed_tar_is_refused(tmp_path, make):
    with tarfile.open(tmp_path / 'a.tar', 'w:gz') as archive:
        archive.addfile(tarfile.TarInfo('a.jpg'))
    assert scan(str(tmp_path), Container(0, TAR, 'a.tar')).problem


def test_what_a_zip_must_not_do_is_left_out(tmp_path, make):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.writestr('good.jpg', make('sound'))
        archive.writestr('deflated.jpg', make('sound'), zipfile.ZIP_DEFLATED)
        archive.writestr('a/../../evil.jpg', make('sound'))
        archive.writestr('packed.jpg', make('sound'), zipfile.ZIP_BZIP2)
        link = zipfile.ZipInfo('link.jpg')
        link.external_attr = 0o120777 << 16
        archive.writestr(link, '/etc/passwd')
        archive.writestr('folder/', '')
    found = scan(str(tmp_path), Container(0, ZIP, 'a.zip'))
    assert [bool(int(offset) & DEFLATED) for offset in found.images['offset']] == [False, True]
    assert found.skipped == {'unsafe name': 1, 'unknown compression': 1, 'link': 1}


def test_zip_members_that_share_bytes_are_left_out(tmp_path, make):
    with zipfile.ZipFile(tmp_path / 'a.zip', 'w') as archive:
        archive.writestr('a.jpg', make('sound'))
        first = archive.filelist[0]
        for number in range(3):
            other = zipfile.ZipInfo(f'{number}.jpg')
            other.header_offset, other.file_size, other.compress_size, other.CRC = (
                0, first.file_size, first.compress_size, first.CRC
            )  # fmt: skip
            archive.filelist.append(other)
    found = scan(str(tmp_path), Container(0, ZIP, 'a.zip'))
    assert len(found.images) == 1 and found.skipped == {'overlap': 3}


@pytest.mark.parametrize('kind', [TAR, ZIP])
def test_a_damaged_archive_never_ends_in_an_error(tmp_path, make, write_files, kind, cases=300):
    """Changed bytes, above all in the headers, and cuts."""
    images = {f'{number}.jpg': make('sound', number) for number in range(4)}
    path = write_files(tmp_path / ('a.tar' if kind == TAR else 'a.zip'), images)
    original, rng = path.read_bytes(), np.random.default_rng(0)
    headers = [place for place in range(len(original)) if original[place : place + 2] in (b'PK', b'0.', b'us', b'00')]
    for case in range(cases):
        content = bytearray(original)
        for _ in range(rng.integers(1, 6)):
            place = rng.choice(headers) + rng.integers(0, 160) if case % 2 else rng.integers(0, len(content))
            content[min(place, len(content) - 1)] = rng.choice([0, 0x2D, 0x38, 0x80, 0xFF, rng.integers(0, 256)])
        path.write_bytes(bytes(content[: rng.integers(0, len(content))] if case % 7 == 0 else content))
        found = scan(str(tmp_path), Container(0, kind, path.name))
        ends = (found.images['offset'] & ~np.uint64(DEFLATED)) + found.images['size']
        assert (ends <= path.stat().st_size).all(), case


def test_a_link_to_itself_loses_no_image(tmp_path, make, write_files):
    write_files(tmp_path / 'set', {'a.jpg': make('sound'), 'b.jpg': make('sound')})
    os.symlink('self.jpg', tmp_path / 'set' / 'self.jpg')
    os.symlink('.', tmp_path / 'set' / 'here')
    (container,) = find_containers(str(tmp_path), {'some': 'set'})
    found = scan(str(tmp_path), container)
    assert len(found.images) == 2 and not found.problem
    assert found.skipped == {'link to itself': 1, 'link to a folder': 1}


def test_what_is_left_out_is_counted_and_named_without_an_index(tmp_path, make, write_files):
    write_files(tmp_path / 'set', {'a.jpg': make('sound'), 'notes.txt': b'x'})
    os.symlink('self.jpg', tmp_path / 'set' / 'self.jpg')
    write_files(tmp_path, {'cut.tar': b'x' * 700})
    with patch('eva_mm.datasets.merged.dataset.print_log') as log:
        assert len(MergedImages(str(tmp_path))) == 1
    line = log.call_args[0][0]
    assert '1 link to itself (set/self.jpg)' in line and '1 no image name (set/notes.txt)' in line
    assert 'damaged or unreadable archives' in line and 'cut.tar' in line


def test_a_folder_that_cannot_be_read_costs_no_other(tmp_path, make, write_files, monkeypatch):
    write_files(tmp_path / 'a', {'a.jpg': make('sound')})
    write_files(tmp_path / 'b', {'b.jpg': make('sound')})
    scandir = os.scandir

    def refusing(path='.'):
        if str(path).rstrip('/').endswith('/b'):
            raise PermissionError(13, 'Permission denied', str(path))
        return scandir(path)

    monkeypatch.setattr(os, 'scandir', refusing)
    scans = [scan(str(tmp_path), each) for each in find_containers(str(tmp_path), {'all': '.'})]
    assert sum(len(each.images) for each in scans) == 1
    assert 'Permission denied' in next(each.problem for each in scans if each.problem)


@pytest.mark.parametrize('name', ['x.tar', 'x.zip'])
def test_a_pipe_is_not_an_archive(tmp_path, name):
    os.mkfifo(tmp_path / name)
    (container,) = find_containers(str(tmp_path), {'some': name})
    found = scan(str(tmp_path), container)
    assert not len(found.images) and 'named pipe' in found.problem


def test_headers_of_absurd_size_cost_no_memory(tmp_path):
    for kind in (tarfile.REGTYPE, tarfile.XHDTYPE, tarfile.GNUTYPE_LONGNAME):
        member = tarfile.TarInfo('a.jpg')
        member.size, member.type = 2**60, kind
        (tmp_path / 'x.tar').write_bytes(member.tobuf(tarfile.GNU_FORMAT) + bytes(10240))
        found = scan(str(tmp_path), Container(0, TAR, 'x.tar'))
        assert not len(found.images) and (found.problem or found.skipped)


def test_a_list_may_have_a_mark_and_names_its_wrong_line(tmp_path):
    (tmp_path / 'list.txt').write_bytes(b'\xef\xbb\xbfa/1.jpg\r\na/2.jpg\r\n')
    (container,) = find_containers(str(tmp_path), {'some': 'list.txt'})
    assert container.path == 'a' and container.names == ('1.jpg', '2.jpg')
    (tmp_path / 'list.txt').write_text('a/1.jpg\n\nb/\n')
    with pytest.raises(ValueError, match="list.txt, line 3: 'b/' is not the name of a file"):
        list(find_containers(str(tmp_path), {'some': 'list.txt'}))
