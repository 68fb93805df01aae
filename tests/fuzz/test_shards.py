"""Damaged tar shards, zip files and indices: images are lost, one at a time and counted; nothing else happens."""

import io
import shutil
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.image_text.shards import ImageTextShards
from eva_mm.datasets.image_text.stream import unpack
from eva_mm.datasets.merged.build import build_index
from eva_mm.datasets.merged.containers import TAR, ZIP, Container
from eva_mm.datasets.merged.decode import decode
from eva_mm.datasets.merged.examine import Examiner
from eva_mm.datasets.merged.files import Files
from eva_mm.datasets.merged.index import MergedIndex, name_of, read_place
from eva_mm.datasets.merged.pack import index_in_memory
from eva_mm.datasets.merged.scan import scan
from tests.helpers.fuzzing import REFUSALS, damaged, fuzz, is_sentence

SUFFIXES = {'jpg': 'JPEG', 'png': 'PNG', 'webp': 'WEBP'}


def void(_) -> None:
    """What hypothesis wants of a test."""


def pictures():
    pixels = np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)
    for suffix, kind in SUFFIXES.items():
        buffer = io.BytesIO()
        Image.fromarray(pixels).save(buffer, kind)
        yield f'{suffix}-0000.{suffix}', buffer.getvalue()


def tar_file(form=tarfile.PAX_FORMAT):
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode='w', format=form) as archive:
        for name, content in pictures():
            for part, data in ((name, content), (name.split('.')[0] + '.txt', b'a digit')):
                member = tarfile.TarInfo(part)
                member.size = len(data)
                archive.addfile(member, io.BytesIO(data))
        link = tarfile.TarInfo('link.jpg')
        link.type, link.linkname = tarfile.SYMTYPE, '/etc/passwd'
        archive.addfile(link)
    return buffer.getvalue()


def zip_file():
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, 'w') as archive:
        for number, (name, content) in enumerate(pictures()):
            archive.writestr(name, content, (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)[number % 2])
    return buffer.getvalue()


TARS, ZIPS = (tar_file(), tar_file(tarfile.GNU_FORMAT), tar_file(tarfile.USTAR_FORMAT)), (zip_file(),)


def read_all(root: Path, index: MergedIndex) -> int:
    """Read every image as training does; how many could be."""
    files, sound = Files(), 0
    for number in range(min(len(index), 20)):
        try:
            place = index.locate(number)
            assert '..' not in place.path.split('/')
            name, suffix = name_of(str(root), place, files)
            pixels = decode(read_place(str(root), place, files), name, suffix).pixels
            assert pixels.ndim == 3 and pixels.dtype == np.uint8
            sound += 1
        except ValueError as error:  # of the index, or a Fault
            assert is_sentence(error)
    return sound


@pytest.mark.parametrize(('kind', 'contents'), [(TAR, TARS), (ZIP, ZIPS)], ids=['tar', 'zip'])
def test_damaged_archives(kind, contents, tmp_path):
    name = f'a.{("folder", "tar", "zip")[kind]}'

    def check(content):
        (tmp_path / name).write_bytes(content)
        container = Container(0, kind, name)
        found = scan(str(tmp_path), container)
        return read_all(tmp_path, index_in_memory(['a'], [(container, found)]))

    assert all(check(content) == len(SUFFIXES) for content in contents)
    fuzz(given(damaged(*contents))(lambda content: void(check(content))))()
    fuzz(given(st.binary(max_size=1500))(lambda content: void(check(content))))()
    assert sorted(path.name for path in tmp_path.iterdir()) == [name], 'nothing may be unpacked'


@pytest.fixture(scope='module')
def indexed(tmp_path_factory):
    """Data of every kind and their index."""
    root = tmp_path_factory.mktemp('merged')
    (root / 'a.tar').write_bytes(TARS[0])
    (root / 'b.zip').write_bytes(ZIPS[0])
    (root / 'c').mkdir()
    for name, content in pictures():
        (root / 'c' / name).write_bytes(content)
    build_index(root / 'index', {'a': 'a.tar', 'b': 'b.zip', 'c': 'c'}, Examiner(str(root)))
    return root


@pytest.mark.parametrize('name', ['index.json', 'images.bin', 'containers.bin', 'text.bin'])
def test_a_damaged_index(indexed, name, tmp_path):
    folder = tmp_path / 'index'
    shutil.copytree(indexed / 'index', folder)
    assert read_all(indexed, MergedIndex.open(folder)) == 3 * len(SUFFIXES)

    @fuzz
    @given(damaged((indexed / 'index' / name).read_bytes()))
    def check(content):
        (folder / name).unlink(missing_ok=True)
        (folder / name).write_bytes(content)
        try:
            index = MergedIndex.open(folder)
        except REFUSALS as error:
            assert is_sentence(error)
        else:
            read_all(indexed, index)

    check()


def test_damaged_pictures():
    def check(content):
        try:
            decode(content, 'a.jpg', '.jpg')
        except Fault as error:
            assert is_sentence(error)

    fuzz(given(damaged(*(content for _, content in pictures())))(check))()


def usable(raw):
    try:
        unpack(raw)
    except Fault:
        return False
    return True


def test_damaged_shards_of_pairs(tmp_path):
    reader = ImageTextShards.__new__(ImageTextShards)
    path = tmp_path / 'a.tar'

    def check(content):
        path.write_bytes(content)
        return sum(usable(raw) for raw in reader.read_shard(str(path)))

    assert all(check(content) == len(SUFFIXES) for content in TARS)
    fuzz(given(damaged(*TARS))(lambda content: void(check(content))))()
    assert [each.name for each in tmp_path.iterdir()] == ['a.tar'], 'nothing may be unpacked'
