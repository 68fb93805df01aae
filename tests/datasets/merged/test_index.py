import pickle

import numpy as np
import pytest

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.merged.build import build_index
from eva_mm.datasets.merged.containers import find_containers
from eva_mm.datasets.merged.examine import Examiner
from eva_mm.datasets.merged.files import Files
from eva_mm.datasets.merged.index import MergedIndex, name_of, read_place
from eva_mm.datasets.merged.pack import index_in_memory
from eva_mm.datasets.merged.scan import scan


@pytest.fixture
def index(mixed, sources):
    return index_in_memory(
        list(sources), ((each, scan(str(mixed), each)) for each in find_containers(str(mixed), sources))
    )


def _everything(root, index):
    files = Files(limit=1)
    places = [index.locate(number) for number in range(len(index))]
    return [(name_of(root, place, files)[0], read_place(root, place, files)) for place in places]


def test_every_image_of_every_container_by_number(mixed, index, make):
    assert index.counts() == dict(folders=11, shards=7, zipped=5) and len(index) == 23
    found = _everything(str(mixed), index)
    expected = {f'folder/{"ab"[number % 2]}/img_{number:03}.jpg': make('sound', number) for number in range(11)}
    expected |= {f'shards/00000.tar/{number:09}.jpg': make('sound', 100 + number) for number in range(7)}
    expected |= {f'set.zip/part/{number}.jpg': make('sound', 200 + number) for number in range(5)}
    assert dict(found) == expected and len(found) == 23
    assert [index.source_of(number) for number in (0, 10, 11, 17, 18, 22)] == [0, 0, 1, 1, 2, 2]
    assert [index.bounds(source) for source in range(3)] == [[(0, 11)], [(11, 18)], [(18, 23)]]


def test_the_mapped_index_is_the_one_in_memory(mixed, sources, index):
    build_index(mixed / 'index', sources, Examiner(str(mixed)))
    mapped = MergedIndex.open(mixed / 'index')
    assert _everything(str(mixed), mapped) == _everything(str(mixed), index)
    # a spawned worker gets the folder and not the arrays
    assert len(pickle.dumps(mapped)) < 500
    assert _everything(str(mixed), pickle.loads(pickle.dumps(mapped))) == _everything(str(mixed), index)
    assert _everything(str(mixed), pickle.loads(pickle.dumps(index))) == _everything(str(mixed), index)


@pytest.mark.parametrize('name', ['images.bin', 'containers.bin', 'text.bin', 'index.json'])
def test_a_damaged_index_is_one_sentence_or_another_image(mixed, sources, name):
    """Bytes that are changed or cut off never end in another error than those that are documented."""
    build_index(mixed / 'index', sources, Examiner(str(mixed)))
    path, rng, files = mixed / 'index' / name, np.random.default_rng(0), Files(max_bytes=10**6)
    original = path.read_bytes()
    for trial in range(150):
        content = bytearray(original)
        for place in rng.integers(0, len(content), rng.integers(1, 4)):
            content[place] = rng.integers(0, 256)
        path.write_bytes(bytes(content[: rng.integers(0, len(content))] if trial % 5 == 0 else content))
        try:
            index = MergedIndex.open(mixed / 'index')
            for number in range(len(index)):
                try:
                    place = index.locate(number)
                    name_of(str(mixed), place, files)
                    read_place(str(mixed), place, files)
                except Fault:
                    pass
        except ValueError as error:
            assert 'is damaged' in str(error), trial


def test_no_index_is_one_sentence(tmp_path):
    with pytest.raises(FileNotFoundError, match='make_merged_index.py'):
        MergedIndex.open(tmp_path / 'index')


def test_an_archive_that_has_changed_or_is_gone(mixed, index, make, write_files):
    with open(mixed / 'set.zip', 'ab') as file:
        file.write(b'-')
    (mixed / 'shards' / '00000.tar').unlink()
    (mixed / 'folder' / 'a' / 'img_000.jpg').unlink()
    kinds = []
    for number in (0, 11, 18):
        with pytest.raises(Fault) as caught:
            read_place(str(mixed), index.locate(number), Files())
        kinds.append(caught.value.kind)
    assert kinds == ['missing', 'missing', 'changed']


def test_a_deflated_bomb_is_not_inflated(tmp_path, write_files):
    write_files(tmp_path / 'a.zip', {'a.jpg': b'', 'bomb.jpg': bytes(10**7)})
    sources = dict(bomb='a.zip')
    index = index_in_memory(
        list(sources), ((each, scan(str(tmp_path), each)) for each in find_containers(str(tmp_path), sources))
    )
    with pytest.raises(Fault, match='more than max_bytes') as caught:
        read_place(str(tmp_path), index.locate(1), Files(max_bytes=10**6))
    assert caught.value.kind == 'too large'
