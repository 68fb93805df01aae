from pathlib import Path

import pytest
from mmengine.config import Config

from eva_mm.datasets.own.video import inspect_video
from eva_mm.datasets.video import EVAVideoDataset

CONFIGS = Path(__file__).parents[3] / 'configs' / 'video'


def touch(root, *names):
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()


def build(found, loader, cfg):
    cfg.merge_from_dict(found.options(cfg))
    options = dict(cfg[f'{loader}_dataloader'].dataset)
    assert options.pop('type') == 'eva_mm.EVAVideoDataset'
    return EVAVideoDataset(**{**options, 'pipeline': []})


@pytest.fixture
def cfg():
    return Config.fromfile(CONFIGS / 'eva-g-p14_8f-224_k722.py')


def test_train_and_val_folders(tmp_path, cfg):
    touch(tmp_path, 'train/run/a.mp4', 'train/run/b.mp4', 'train/jump/c.avi', 'train/jump/d.mp4', 'val/run/e.mp4')
    found = inspect_video(tmp_path)
    assert found.classes == ['jump', 'run'] and str(found) == '2 classes, 4 training and 1 validation videos.'
    train, val = build(found, 'train', cfg), build(found, 'val', cfg)
    assert [train.get_data_info(index)['label'] for index in range(4)] == [0, 0, 1, 1]
    assert val.get_data_info(0)['filename'] == str(tmp_path / 'val' / 'run' / 'e.mp4') and len(val) == 1
    assert val.get_data_info(0)['label'] == 1
    assert cfg.model.cls_head.num_classes == 2
    assert [augment.num_classes for augment in cfg.model.data_preprocessor.blending.augments] == [2, 2]


def test_one_folder_puts_every_tenth_video_aside(tmp_path, cfg):
    touch(tmp_path, *(f'run/{index:02d}.mp4' for index in range(25)), *(f'jump/{index}.mp4' for index in range(3)))
    touch(tmp_path, 'sit/0.mp4')
    found = inspect_video(tmp_path)
    assert 'no validation part, so 3 videos were put aside' in str(found)
    assert "1 classes have fewer than 2 training videos, for instance 'sit'" in str(found)
    train, val = build(found, 'train', cfg), build(found, 'val', cfg)
    names = [[Path(data.get_data_info(i)['filename']).relative_to(tmp_path).as_posix() for i in range(len(data))]
             for data in (train, val)]  # fmt: skip
    assert names[1] == ['jump/2.mp4', 'run/09.mp4', 'run/19.mp4']
    assert len(names[0]) == 26 and not set(names[0]) & set(names[1])
    assert [val.get_data_info(i)['label'] for i in range(3)] == [0, 1, 1]


@pytest.mark.parametrize('suffix', ['csv', 'txt'])
def test_lists(tmp_path, cfg, suffix):
    touch(tmp_path, 'videos/a.mp4', 'videos/c.mp4')
    comma = ',' if suffix == 'csv' else ' '
    (tmp_path / f'train.{suffix}').write_text(f'videos/a.mp4{comma}0\nvideos/b.mp4{comma}1\n')
    (tmp_path / f'val.{suffix}').write_text(f'videos/c.mp4{comma}1\n')
    found = inspect_video(tmp_path)
    assert found.classes == ['0', '1'] and found.val.labels == [1]
    assert found.remarks[-1] == '1 of 2 training videos do not exist, the first is videos/b.mp4.'
    val = build(found, 'val', cfg)
    assert val.get_data_info(0)['filename'] == str(tmp_path / 'videos' / 'c.mp4')


def test_one_csv_file(tmp_path, cfg):
    path = tmp_path / 'all.csv'
    touch(tmp_path, *(f'{index}.mp4' for index in range(10)))
    lines = [f'{index}.mp4,{name}\n' for name in ('run', 'jump') for index in range(10)]
    path.write_text(''.join(['path,label\n', *lines]))
    found = inspect_video(path)
    assert found.classes == ['jump', 'run'] and len(found.val.labels) == 2
    assert len(build(found, 'train', cfg)) == 18


def test_what_cannot_be_trained_is_said(tmp_path):
    with pytest.raises(FileNotFoundError, match='nowhere does not exist: give a folder of videos or a csv file'):
        inspect_video(tmp_path / 'nowhere')
    with pytest.raises(FileNotFoundError, match='holds no folders: expected one folder of videos for each class'):
        inspect_video(tmp_path)
    touch(tmp_path, 'run/a.mp4')
    with pytest.raises(ValueError, match="has the one class 'run', expected two or more"):
        inspect_video(tmp_path)
    touch(tmp_path, 'train/run/a.mp4', 'train/jump/b.mp4', 'val/walk/c.mp4')
    with pytest.raises(ValueError, match="1 classes are not among the 2 known ones, the first is 'walk'"):
        inspect_video(tmp_path)


@pytest.mark.parametrize(
    'text, error, message',
    [
        ('path,label\na.mp4,0\nb.mp4', ValueError, ", line 3: 'b.mp4' lacks a path or a label"),
        ('path,label\na.mp4,0\nb.mp4,1', FileNotFoundError, " lists 2 videos, none of which exists; .* 'a.mp4'"),
    ],
)
def test_a_wrong_csv_file_is_refused_by_name(tmp_path, text, error, message):
    (tmp_path / 'train.csv').write_text(text)
    with pytest.raises(error, match=f'train.csv{message}'):
        inspect_video(tmp_path)


def test_lists_beside_flat_folders(tmp_path):
    """The layout of mmaction2's Kinetics: numbered classes, names in a file of their own."""
    for part, files in (('train', 'abcd'), ('val', 'ef')):
        (tmp_path / part).mkdir()
        for file in files:
            (tmp_path / part / f'{file}.mp4').touch()
        lines = [f'{file}.mp4 {number % 2}' for number, file in enumerate(files)]
        (tmp_path / f'{part}_list.txt').write_text('\n'.join(lines))
    (tmp_path / 'classes.txt').write_text('moving left\nmoving right\n')
    found = inspect_video(tmp_path)
    assert found.classes == ['moving left', 'moving right'] and not found.remarks
    assert found.train.folder == str(tmp_path / 'train') and found.val.folder == str(tmp_path / 'val')
    assert found.train.labels == [0, 1, 0, 1] and found.val.labels == [0, 1]
