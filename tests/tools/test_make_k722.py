"""The command line on the planted cases of tests/datasets/test_k722.py."""

import importlib.util
import sys
from pathlib import Path

import pytest

from eva_mm.checkpoint.class_rows import read_class_rows
from eva_mm.datasets.video.lists import read_entries

TOOL = Path(__file__).parents[2] / 'tools' / 'dataset_converters' / 'make_k722.py'
LABELS = {'k400': ['archery', 'vault'], 'k600': ['archery', 'bull fighting'], 'k700': ['archery', 'Tai Chi']}


@pytest.fixture
def run(monkeypatch, capsys):
    """Call the tool; returns what it printed."""
    spec = importlib.util.spec_from_file_location('make_k722', TOOL)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)

    def call(*options):
        monkeypatch.setattr(sys, 'argv', ['make_k722.py', *map(str, options)])
        module.main()
        return capsys.readouterr().out

    return call


@pytest.fixture
def annotations(tmp_path):
    for name, labels in LABELS.items():
        for split in ('train', 'val'):
            rows = [f'{label},{name}{split}{index},1,11,{split}' for index, label in enumerate(labels)]
            rows.append(f'archery,{name}val0,1,11,{split}')
            header = 'label,youtube_id,time_start,time_end,split'
            (tmp_path / f'{name}_{split}.csv').write_text('\n'.join([header, *rows]))
    return tmp_path


def test_writes_lists_classes_and_row_maps(run, annotations):
    out = annotations / 'out'
    printed = run('--csv', annotations, '--out', out)
    assert 'k400 2 classes, k600 2 classes, k700 2 classes, k722 4 classes' in printed
    assert (out / 'classes_k722.txt').read_text() == 'Tai Chi\narchery\nbull fighting\nvault\n'
    assert read_class_rows(out / 'rows_k400.txt') == [1, 3]
    assert read_class_rows(out / 'rows_k600.txt') == [1, 2]
    assert read_class_rows(out / 'rows_k700.txt') == [0, 1]
    assert read_entries(out / 'k700_train.txt') == [
        ('k700/train/k700train1_000001_000011.mp4', 0), ('k700/train/k700train0_000001_000011.mp4', 1)
    ]  # fmt: skip
    assert len(read_entries(out / 'k722_train.txt')) == 6
    assert len(read_entries(out / 'k400_train.txt')) == 2


def test_release_behaviour_and_missing_files(run, annotations):
    out, videos = annotations / 'out', annotations / 'videos'
    (videos / 'k600' / 'train').mkdir(parents=True)
    (videos / 'k600' / 'train' / 'k600train0.mp4').touch()
    name = '{dataset}/{split}/{youtube_id}.mp4'
    printed = run('--csv', annotations, '--out', out, '--as-released', '--videos', videos, '--name', name)
    assert (out / 'k600_train.txt').read_text() == 'k600/train/k600train0.mp4 0\n'
    line = next(line for line in printed.splitlines() if line.startswith('k400 train'))
    # kept, leaked, duplicates, relabelled, no file
    assert line.split()[2:] == ['3', '0', '0', '0', '3']


def test_a_missing_file_is_one_sentence(run, tmp_path, capsys):
    with pytest.raises(SystemExit) as ended:
        run('--csv', tmp_path, '--out', tmp_path / 'out')
    assert ended.value.code == 2
    assert capsys.readouterr().err.startswith('error: There is no annotation file')
