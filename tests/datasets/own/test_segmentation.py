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
    assert found.reduce_zero_label and not found.remarks and not found.in_colours and not found.as_stored
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
    Image.new('RGB', (3, 2)).save(root / 'images/training/a.png')
    with pytest.raises(ValueError, match='a.jpg and .*a.png differ in their suffix alone'):
        inspect_segmentation(root)


def test_a_config_reads_the_folder(root):
    cfg = Config.fromfile(CONFIG)
    assert not inspect_segmentation(root).use(cfg)
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


def _samples(cfg, loader='train'):
    from mmseg.registry import DATASETS

    init_default_scope('mmseg')
    dataset = cfg[f'{loader}_dataloader'].dataset
    dataset.pipeline = [step for step in dataset.pipeline if 'Load' in step.type]
    return DATASETS.build(dataset)


def test_images_and_maps_with_other_suffixes_and_one_ending(root):
    """What is inspected is what is read: the same pairs, in the same order."""
    for path in (root / 'annotations').rglob('*.png'):
        path.rename(path.with_name(f'{path.stem}_mask.tif'))
    (root / 'images/training/a.jpg').rename(root / 'images/training/a.JPEG')
    Image.new('RGB', (3, 2)).save(root / 'images/training/b.png')
    (root / 'images/training/b.jpg').unlink()
    Image.fromarray(np.zeros((2, 3), np.uint8)).save(root / 'annotations/training/lonely_mask.png')
    cfg = Config.fromfile(CONFIG)
    found = inspect_segmentation(root)
    found.use(cfg)
    assert found.train.size == 2 and '1 maps without an image (' in found.remarks[0]
    read = [(Path(each['img_path']).name, Path(each['seg_map_path']).name) for each in _samples(cfg)]
    assert read == [('a.JPEG', 'a_mask.tif'), ('b.png', 'b_mask.tif')]
    for path in (root / 'annotations').rglob('*.tif'):
        path.with_name(path.name.replace('mask', 'color')).write_bytes(path.read_bytes())
    with pytest.raises(ValueError, match="several maps of each image, that end in '_color', '_mask'"):
        inspect_segmentation(root)


def test_maps_in_the_colours_of_the_class_list(root):
    palette = np.array([[0, 0, 0], [255, 0, 0], [0, 255, 0]], np.uint8)
    (root / 'classes.txt').write_text('road\t0 0 0\nsky\t255 0 0\ntree\t0 255 0\n')
    ids = np.array([[0, 1, 2], [2, 2, 1]])
    for name in ('training/a', 'training/b', 'validation/c'):
        _write(root, name, palette[ids])
    cfg = Config.fromfile(CONFIG)
    found = inspect_segmentation(root)
    found.use(cfg)
    assert found.in_colours and not found.reduce_zero_label
    assert (_samples(cfg)[0]['gt_seg_map'] == ids).all() and (_samples(cfg, 'val')[0]['gt_seg_map'] == ids).all()
    Image.fromarray(palette[ids] + np.uint8(3)).save(root / 'annotations/training/b.png')
    with pytest.raises(ValueError, match='b.png has 6 pixels of colours that are in no line .* for instance 3 3 3'):
        inspect_segmentation(root)
    _write(root, 'training/b', np.array([[0, 1]], np.uint8))
    with pytest.raises(ValueError, match='a.png holds colours and .*b.png numbers'):
        inspect_segmentation(root)


def _tag(image, tag):
    picture = Image.open(image).copy()
    exif = picture.getexif()
    exif[0x0112] = tag
    picture.save(image, exif=exif)


@pytest.mark.parametrize('stored', [True, False])
def test_maps_over_turned_photographs(root, stored):
    """The bright corner of the image is under the class of the map, whichever way both lie."""
    ids = np.array([[1, 0, 0], [0, 0, 0]], np.uint8)
    ids = np.kron(ids, np.ones((16, 16), np.uint8))
    for name in ('training/a', 'training/b', 'validation/c'):
        _write(root, name, ids)
        # what is stored is turned by a quarter when it is opened
        pixels = np.where(ids == 1, 250, 0).astype(np.uint8)
        stored_pixels = pixels if stored else np.rot90(pixels)
        Image.fromarray(np.repeat(stored_pixels[..., None], 3, -1)).save(root / 'images' / f'{name}.jpg')
        _tag(root / 'images' / f'{name}.jpg', 6)
    cfg = Config.fromfile(CONFIG)
    found = inspect_segmentation(root)
    found.use(cfg)
    assert found.as_stored == stored and '3 images have an EXIF orientation' in found.remarks[0]
    sample = _samples(cfg)[0]
    bright = sample['img'][..., 0] > 125
    assert (bright == (sample['gt_seg_map'] == 1)).all() and bright.sum() == 256


def test_maps_that_fit_turned_and_unturned_photographs_are_refused(root):
    for name in ('training/a', 'training/b', 'validation/c'):
        _write(root, name, np.array([[0, 1], [2, 0]], np.uint8))
    _tag(root / 'images/training/b.jpg', 3)
    with pytest.raises(ValueError, match='training/b.png fits its image before and after EXIF turns it'):
        inspect_segmentation(root)


def test_what_would_train_nothing_is_refused(root):
    for name in ('training/a', 'training/b', 'validation/c'):
        _write(root, name, np.array([[0, 255]], np.uint8))
    with pytest.raises(ValueError, match='hold 0 and 255 alone, and 255 means ignored: save the second class as 1'):
        inspect_segmentation(root)
    (root / 'classes.txt').write_text('crack\n')
    with pytest.raises(ValueError, match='lists one class, \'crack\', .* for instance "background"'):
        inspect_segmentation(root)
    (root / 'classes.txt').write_text('\n'.join(map(str, range(256))))
    with pytest.raises(ValueError, match='lists 256 classes: mmseg reads ids of 8 bits, so 255 is the most'):
        inspect_segmentation(root)


def test_heads_in_lists_nested_heads_and_wrapped_data_sets(root):
    reader = [dict(type='LoadImageFromFile'), dict(type='LoadAnnotations', reduce_zero_label=True)]
    inner = dict(type='ADE20KDataset', data_root='x', img_suffix='.png', pipeline=reader)
    wrapped = dict(type='RepeatDataset', times=4, dataset=dict(type='ConcatDataset', datasets=[inner, dict(inner)]))
    heads = dict(
        decode_head=[
            dict(type='FCNHead', num_classes=150, loss_decode=dict(class_weight=[1.0] * 150)),
            dict(type='IterativeDecodeHead', kernel_generate_head=dict(num_classes=150), num_classes=150),
        ],
        auxiliary_head=[dict(num_classes=150), dict(num_classes=150)],
    )
    cfg = Config(dict(model=heads, train_dataloader=dict(dataset=wrapped), val_dataloader=dict(dataset=dict(inner))))
    assert inspect_segmentation(root).use(cfg) == ['train: 1 more data sets of the config are left out.']
    assert [head.num_classes for head in (*cfg.model.decode_head, *cfg.model.auxiliary_head)] == [3] * 4
    assert cfg.model.decode_head[1].kernel_generate_head.num_classes == 3
    assert cfg.model.decode_head[0].loss_decode.class_weight == [1.0] * 3
    dataset = cfg.train_dataloader.dataset
    assert dataset.times == 4 and [each.type for each in dataset.dataset.datasets] == ['eva_mm.LabelMaps']
    assert dataset.dataset.datasets[0].pipeline == [reader[0], dict(type='LoadAnnotations')]
