"""The index tool on small folders, tar shards and zip files: counts, findings, copies of evaluation images, stops."""

import csv
import io
import json
import tarfile
import zipfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from eva_mm.cli import main
from eva_mm.datasets.merged.dataset import MergedImages
from eva_mm.datasets.merged.index import MergedIndex
from eva_mm.datasets.merged.index_writer import IndexWriter


def _image(number: int, kind: str = 'JPEG', **options) -> bytes:
    rng, buffer = np.random.default_rng(number), io.BytesIO()
    Image.fromarray(rng.integers(0, 256, (24, 24, 3), np.uint8)).save(buffer, kind, **options)
    return buffer.getvalue()


@pytest.fixture
def root(tmp_path):
    """Twelve images in three folders, eight in two shards, six in a zip; one empty, one cut off, one no image."""
    for number in range(12):
        folder = tmp_path / 'data' / 'loose' / f'class{number % 3}'
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f'{number}.jpg').write_bytes(b'' if number == 7 else _image(number))
    (tmp_path / 'data' / 'shards').mkdir()
    for shard in range(2):
        with tarfile.open(tmp_path / 'data' / 'shards' / f'{shard:05}.tar', 'w') as archive:
            for number in range(4):
                content = _image(100 + 10 * shard + number)
                if (shard, number) == (1, 2):
                    content = content[:-300]
                for name, data in ((f'{number}.jpg', content), (f'{number}.json', b'{}')):
                    member = tarfile.TarInfo(name)
                    member.size = len(data)
                    archive.addfile(member, io.BytesIO(data))
    with zipfile.ZipFile(tmp_path / 'data' / 'set.zip', 'w') as archive:
        for number in range(6):
            packing = zipfile.ZIP_DEFLATED if number % 2 else zipfile.ZIP_STORED
            archive.writestr(f'{number}.jpg', b'<html>' if number == 4 else _image(200 + number), packing)
    return tmp_path / 'data'


@pytest.fixture
def run(root, capsys):
    """Call the tool on the three sources; returns what it printed."""
    sources = ['--sources', 'loose=loose', 'shards=shards/*.tar', 'zipped=set.zip']

    def call(*options):
        common = ['--data-root', root, *sources, '--index', 'index']
        main(['index', *(str(each) for each in (*common, *options))])
        return capsys.readouterr().out

    return call


def _files(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in sorted(folder.iterdir())}


def _findings(root: Path) -> set[tuple[str, str, str]]:
    with open(root / 'index' / 'findings.csv', newline='') as file:
        return {(row['source'], row['kind'], row['name']) for row in csv.DictReader(file)}


BROKEN = {
    ('loose', 'empty', 'loose/class1/7.jpg'),
    ('shards', 'truncated', 'shards/00001.tar/2.jpg'),
    ('zipped', 'no image', 'set.zip/4.jpg'),
}


def test_counts_and_what_is_unreadable(run, root):
    printed = run('--decode')
    lines = {line.split()[0]: line.split()[1:] for line in printed.splitlines() if line.strip()}
    assert lines['loose'] == ['3', '12', '1', '0', '0', '0']
    # four texts beside the images of each shard
    assert lines['shards'] == ['2', '8', '1', '0', '8', '0']
    assert lines['zipped'] == ['1', '6', '1', '0', '0', '0']
    assert lines['all'] == ['6', '26', '3', '0', '8', '0']
    assert _findings(root) == BROKEN
    report = json.loads((root / 'index' / 'report.json').read_text())
    assert report['images'] == 26 and report['sources'][1]['kinds'] == {'truncated': 1}


def test_without_decoding_only_what_is_empty_is_found(run, root):
    run()
    assert _findings(root) == {('loose', 'empty', 'loose/class1/7.jpg')}


def test_excluded_images_are_not_in_the_index(run, root):
    run('--decode', '--exclude', 'unreadable')
    sources = dict(loose='loose', shards='shards/*.tar', zipped='set.zip')
    data = MergedImages(str(root), [], sources, 'index', policy='refuse')
    assert data.counts() == dict(loose=11, shards=7, zipped=5)
    assert len({data[number]['img_path'] for number in range(23)}) == 23


def test_copies_of_evaluation_images_are_found_by_their_bytes(run, root, tmp_path):
    held_out = tmp_path / 'val'
    held_out.mkdir()
    for number in (3, 111, 200, 203):
        (held_out / f'v{number}.jpg').write_bytes(_image(number))
    # the same picture, encoded anew: not found, as the documentation says
    Image.open(io.BytesIO(_image(1))).save(held_out / 'v1.jpg', quality=50)
    printed = run('--evaluation', f'imagenet={held_out}', '--exclude', 'duplicate')
    assert {each for each in _findings(root) if each[1] == 'duplicate'} == {
        ('loose', 'duplicate', 'loose/class0/3.jpg'),
        ('shards', 'duplicate', 'shards/00001.tar/1.jpg'),
        ('zipped', 'duplicate', 'set.zip/0.jpg'),
        ('zipped', 'duplicate', 'set.zip/3.jpg'),
    }
    assert 'imagenet: ' in (root / 'index' / 'findings.csv').read_text()
    assert next(line for line in printed.splitlines() if line.startswith('all')).split()[2] == '22'


@pytest.mark.parametrize('stop', [0, 1, 3, 5])
@pytest.mark.parametrize('torn', [b'', b'{"path": "half a li'])
def test_a_stopped_run_goes_on_and_ends_with_the_same_index(run, root, monkeypatch, stop, torn):
    run('--decode')
    whole = _files(root / 'index')
    scanned, add = [], IndexWriter.add

    def stopping(self, *args):
        if len(scanned) == stop:
            raise KeyboardInterrupt
        scanned.append(args)
        add(self, *args)

    monkeypatch.setattr(IndexWriter, 'add', stopping)
    with pytest.raises(SystemExit):
        run('--decode')
    building = root / 'index.building'
    # killed in the middle of a container
    for name, rest in (('journal.jsonl', torn), ('images.bin', b'half'), ('text.bin', b'half')):
        with open(building / name, 'ab') as file:
            file.write(rest)
    added = []
    monkeypatch.setattr(IndexWriter, 'add', lambda self, *args: (added.append(args), add(self, *args)))
    run('--decode')
    assert len(added) == 6 - stop
    assert _files(root / 'index') == whole and not building.exists()


def _interrupt(run, monkeypatch):
    def stop(*args):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr('eva_mm.datasets.merged.index_writer.IndexWriter.finish', stop)
        with pytest.raises(SystemExit):
            run()


def test_what_has_changed_since_is_not_gone_on_with(run, root, monkeypatch, capsys):
    _interrupt(run, monkeypatch)
    assert 'the same command goes on where it was' in capsys.readouterr().err
    with pytest.raises(SystemExit):
        run('--decode')
    assert 'other sources or options' in capsys.readouterr().err
    with open(root / 'shards' / '00000.tar', 'ab') as file:
        file.write(bytes(512))
    with pytest.raises(SystemExit):
        run()
    assert 'shards/00000.tar has changed since it was scanned' in capsys.readouterr().err
    assert 'all' in run('--restart')


def test_several_processes_write_the_same_index(run, root):
    run('--decode')
    whole = _files(root / 'index')
    run('--decode', '--workers', 2)
    assert _files(root / 'index') == whole


def test_a_config_says_what_is_indexed(root, capsys):
    config = Path(__file__).parents[2] / 'configs' / 'pretrain' / 'eva-g-p14_mim-clip-l_merged30m-224px.py'
    for name in ('in21k', 'ade20k', 'cc12m', 'cc3m', 'coco', 'o365'):
        (root / name).symlink_to(root / ('shards' if name.startswith('cc') else 'loose'))
    main(['index', str(config), '--data-root', str(root)])
    assert next(line for line in capsys.readouterr().out.splitlines() if line.startswith('all')).split()[2] == '64'
    assert MergedIndex.open(root / 'index').counts() == dict(in21k=12, ade20k=12, cc12m=8, cc3m=8, coco=12, o365=12)


@pytest.mark.parametrize(
    'options, message',
    [
        (['--exclude', 'ugly'], "'ugly' cannot be excluded: choose from unreadable, duplicate"),
        (['--evaluation', 'data/val'], "--evaluation got 'data/val', expected NAME=PATH"),
        (['--sources', 'a=nowhere'], "The source 'a' is 'nowhere', which does not exist"),
    ],
)
def test_bad_input_is_one_sentence(run, capsys, options, message):
    with pytest.raises(SystemExit) as ended:
        run(*options)
    assert ended.value.code == 2 and message in capsys.readouterr().err
