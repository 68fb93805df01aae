import os

import pytest

from eva_mm.datasets.own.class_folders import ClassFolders, class_images


@pytest.fixture
def root(tmp_path):
    for name in ('cat/1.jpg', 'cat/deep/2.WEBP', 'emu/3.png', '.cache/4.jpg', 'emu/.5.png'):
        (tmp_path / 'train' / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / 'train' / name).touch()
    return tmp_path


def _dataset(root, classes):
    return ClassFolders(
        data_root=str(root), data_prefix=dict(img_path='train'), metainfo=dict(classes=classes), pipeline=[]
    )


def test_labels_are_those_of_the_list_and_not_of_the_folders(root):
    dataset = _dataset(root, ('cat', 'dog', 'emu'))
    found = [(sample['img_path'].removeprefix(f'{root}/train/'), sample['gt_label']) for sample in dataset]
    assert found == [('cat/1.jpg', 0), ('cat/deep/2.WEBP', 0), ('emu/3.png', 2)]
    assert dataset.metainfo['classes'] == ('cat', 'dog', 'emu')


def test_a_folder_without_images_of_these_classes_is_one_sentence(root):
    with pytest.raises(FileNotFoundError, match='train has no image of any class: put images into .*train/CLASS/'):
        _dataset(root, ('fox',))


def test_a_link_to_itself_loses_no_image_and_what_is_left_out_is_told(root, monkeypatch):
    told = []
    monkeypatch.setattr('eva_mm.datasets.own.class_folders.print_log', lambda message, **_: told.append(message))
    (root / 'train/cat/again').symlink_to(root / 'train/cat')
    (root / 'train/emu/loop.jpg').symlink_to('loop.jpg')
    os.mkfifo(root / 'train/emu/pipe.jpg')
    (root / 'train/emu/\x1b[2J.txt').write_text('x')
    found = [sample['img_path'].removeprefix(f'{root}/train/') for sample in _dataset(root, ('cat', 'emu'))]
    assert found == ['cat/1.jpg', 'cat/deep/2.WEBP', 'emu/3.png']
    assert len(told) == 1 and '\x1b' not in told[0]
    assert all(name in told[0] for name in ('again', 'loop.jpg', 'pipe.jpg', '\\x1b[2J.txt'))


def test_images_of_every_suffix_that_readers_know_are_found_and_decoded(tmp_path):
    """One list for all readers: a photograph of a browser (.jfif) is not left out."""
    import mmcv
    from PIL import Image

    from eva_mm.safe_io.images import IMAGE_SUFFIXES, SUFFIXES

    (tmp_path / 'cat').mkdir()
    for kind, suffixes in SUFFIXES.items():
        for suffix in suffixes:
            image = Image.new('L' if suffix == '.pgm' else '1' if suffix == '.pbm' else 'RGB', (9, 8))
            image.save(tmp_path / 'cat' / f'x{suffix}', kind)
    found = class_images(tmp_path / 'cat')
    assert not found.skipped and {path.suffix for path in found.files} == IMAGE_SUFFIXES
    for path in found.files:
        assert mmcv.imread(str(path)).shape == (8, 9, 3), path
