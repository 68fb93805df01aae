import os
from pathlib import Path

import numpy as np
import pytest
from hostile import EPS, fake_ghostscript, png
from mmengine.config import Config
from mmengine.registry import init_default_scope
from PIL import Image

from eva_mm.datasets.own.segmentation import distinct_colours, inspect_segmentation

SEGMENTATION = Path(__file__).parents[3] / 'configs' / 'segmentation'
CONFIG = SEGMENTATION / 'mask2former_eva-b-p16-adapter_ade20k-512px.py'


def _write(root, name, mask, mode=None, suffix='.jpg'):
    for folder in ('images', 'annotations'):
        (root / folder / name).parent.mkdir(parents=True, exist_ok=True)
    mask = np.asarray(mask)
    Image.fromarray(np.zeros((*mask.shape[:2], 3), np.uint8)).save(root / 'images' / f'{name}{suffix}')
    image = Image.fromarray(mask)
    if mode == 'P':
        image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(root / 'annotations' / f'{name}.png')


@pytest.fixture
def root(tmp_path):
    """Three classes, two training images and one validation image, 0 is unlabelled."""
    (tmp_path / 'classes.txt').write_text('road\nsky\ntree\n')
    ids = np.array([[0, 1, 2], [3, 255, 1]], np.uint8)
    for name in ('training/a', 'training/b', 'validation/c'):
        _write(tmp_path, name, ids)
    return tmp_path


def test_finds_what_a_config_has_to_know(root):
    found = inspect_segmentation(root)
    assert found.classes == ['road', 'sky', 'tree'] and len(set(found.palette)) == 3
    assert found.reduce_zero_label and found.image_suffix == '.jpg' and not found.remarks
    assert (found.train.folder, found.train.size) == ('training', 2)
    assert (found.val.folder, found.val.size) == ('validation', 1)
    assert str(found) == '3 classes, 2 training and 1 validation images, id 0 is unlabelled.'


def test_ids_from_zero_are_not_reduced(root):
    for name in ('training/a', 'training/b', 'validation/c'):
        _write(root, name, np.array([[0, 1], [1, 255]], np.uint8))
    found = inspect_segmentation(root)
    assert not found.reduce_zero_label
    assert found.remarks == ["1 classes occur nowhere, for instance 'tree'."]


def test_without_a_split_every_tenth_image_is_put_aside(tmp_path):
    (tmp_path / 'classes.txt').write_text('a\t1 2 3\nb\t4 5 6\n')
    for index in range(21):
        _write(tmp_path, f'{index:02d}', np.array([[0, 1]], np.uint8), suffix='.png')
    found = inspect_segmentation(tmp_path)
    assert found.palette == [(1, 2, 3), (4, 5, 6)]
    assert found.val.indices == [9, 19] and len(found.train.indices) == 19
    assert 'put aside' in found.remarks[0]


@pytest.mark.parametrize(
    ('mask', 'mode'),
    [
        (np.array([[0, 1, 3]], np.uint16), None),
        (np.array([[0, 1, 2]], np.uint8), 'P'),
        (np.array([[False, True, True]]), None),
    ],
)
def test_other_pngs_of_numbers_are_read(root, mask, mode):
    _write(root, 'training/b', mask, mode)
    assert inspect_segmentation(root).reduce_zero_label


@pytest.mark.parametrize(
    ('mask', 'message'),
    [
        (np.array([[0, 4]], np.uint8), r'training/b.png holds the id 4, but 3 classes are listed: expected 0 to 2'),
        (np.array([[0, 300]], np.uint16), r'training/b.png holds the id 300'),
        (np.zeros((2, 2, 3), np.uint8), r'training/b.png has the colours of an image \(mode RGB\)'),
    ],
)
def test_other_masks_are_refused_by_name(root, mask, message):
    _write(root, 'training/b', mask)
    with pytest.raises(ValueError, match=message):
        inspect_segmentation(root)


def test_a_mask_of_another_size_is_refused(root):
    Image.fromarray(np.zeros((5, 4), np.uint8)).save(root / 'annotations' / 'validation' / 'c.png')
    with pytest.raises(ValueError, match='c.png has 4 x 5 pixels and its image 3 x 2'):
        inspect_segmentation(root)


def test_broken_and_missing_files_are_refused(root):
    mask = root / 'annotations' / 'training' / 'a.png'
    mask.write_bytes(b'nonsense')
    with pytest.raises(ValueError, match='a.png or its image cannot be read'):
        inspect_segmentation(root)
    mask.unlink()
    with pytest.raises(FileNotFoundError, match='a.jpg has no label map: expected .*a.png'):
        inspect_segmentation(root)
    (root / 'classes.txt').unlink()
    with pytest.raises(FileNotFoundError, match='has no class list'):
        inspect_segmentation(root)
    with pytest.raises(FileNotFoundError, match='There is no folder'):
        inspect_segmentation(root / 'nowhere')


def test_contradictions_are_refused(root):
    (root / 'classes.txt').write_text('road\t1 2\nsky\ntree\n')
    with pytest.raises(ValueError, match="the colour of 'road' is '1 2'"):
        inspect_segmentation(root)
    (root / 'classes.txt').write_bytes('stra\xdfe\n'.encode('latin-1'))
    with pytest.raises(ValueError, match='classes.txt, line 1: not UTF-8 text; save the file as UTF-8'):
        inspect_segmentation(root)
    (root / 'classes.txt').write_text('road\nroad\n')
    with pytest.raises(ValueError, match='lists 2 names, 1 different'):
        inspect_segmentation(root)
    (root / 'classes.txt').write_text('road\nsky\ntree\n')
    _write(root, 'training/d', np.zeros((2, 2), np.uint8), suffix='.png')
    with pytest.raises(ValueError, match='end in .jpg, .png, expected one ending'):
        inspect_segmentation(root)


def test_a_config_reads_the_folder(root):
    cfg = Config.fromfile(CONFIG)
    cfg.merge_from_dict(inspect_segmentation(root).options(cfg))
    assert cfg.model.decode_head.num_classes == 3
    assert cfg.model.decode_head.loss_cls.class_weight == [1, 1, 1, 0.1]
    init_default_scope('mmseg')
    from mmseg.registry import DATASETS

    for loader, length in (('train', 2), ('val', 1), ('test', 1)):
        dataset = DATASETS.build(cfg[f'{loader}_dataloader'].dataset)
        assert len(dataset) == length and dataset.metainfo['classes'] == ['road', 'sky', 'tree']
    labels = dataset[0]['data_samples'].gt_sem_seg.data
    # 0 became ignored, the ids moved down by one
    assert labels[0].tolist() == [[255, 0, 1], [2, 255, 0]]


def test_colours_are_distinct():
    assert len(set(distinct_colours(200))) == 200


def test_a_label_map_that_is_a_program_is_refused(root, tmp_path_factory, monkeypatch):
    canary = fake_ghostscript(tmp_path_factory.mktemp('bin'), monkeypatch)
    (root / 'annotations/training/a.png').write_bytes(EPS)
    with pytest.raises(ValueError, match='training/a.png or its image cannot be read'):
        inspect_segmentation(root)
    assert not canary.exists()


def test_a_label_map_of_absurd_sides_is_refused(root):
    (root / 'annotations/training/a.png').write_bytes(png(60_000, 1))
    with pytest.raises(ValueError, match='training/a.png or its image cannot be read .*60,?000'):
        inspect_segmentation(root)


def test_what_is_left_out_is_told(root):
    (root / 'images/training/notes.txt').write_text('x')
    (root / 'images/training/again').symlink_to(root / 'images/training')
    os.mkfifo(root / 'images/training/pipe.jpg')
    remark = inspect_segmentation(root).remarks[-1]
    assert remark.startswith('Skipped: ') and 'notes.txt' in remark and 'pipe.jpg' in remark and 'again' in remark


def test_a_class_list_may_begin_with_a_byte_order_mark_and_names_the_line_of_an_error(root):
    (root / 'classes.txt').write_bytes(b'\xef\xbb\xbfroad\r\nsky\r\ntree\r\n')
    assert inspect_segmentation(root).classes == ['road', 'sky', 'tree']
    (root / 'classes.txt').write_text('road\t1 2 3\n\nsky\t4 5 \u00b2\n')
    with pytest.raises(ValueError, match="classes.txt, line 3: the colour of 'sky'"):
        inspect_segmentation(root)
