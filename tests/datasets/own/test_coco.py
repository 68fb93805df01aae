import copy
import json
import os

import pytest
from hostile import EPS, fake_ghostscript
from PIL import Image

from eva_mm.datasets.own.coco import inspect_coco
from eva_mm.datasets.own.coco_folders import find_coco_split

SQUARE = [[10, 10, 30, 10, 30, 30]]


def annotation(number, **changes):
    return dict(
        dict(id=number, image_id=1, category_id=7, bbox=[10, 10, 20, 20], area=200, iscrowd=0, segmentation=SQUARE),
        **changes,
    )


CONTENT = dict(
    images=[dict(id=1, file_name='a.png', height=40, width=50), dict(id=5, file_name='b.png', height=40, width=50)],
    categories=[dict(id=7, name='cat'), dict(id=90, name='dog'), dict(id=3, name='ant')],
    annotations=[annotation(1), annotation(2, category_id=90, segmentation=dict(counts=[0, 2000], size=[40, 50]))],
)


@pytest.fixture
def write(tmp_path):
    def write(**changes):
        path = tmp_path / 'train.json'
        path.write_text(json.dumps(dict(copy.deepcopy(CONTENT), **changes)))
        return path

    return write


def test_holes_in_the_ids_and_run_length_codes_are_read(write):
    summary = inspect_coco(write(), with_masks=True)
    assert summary.classes == ('ant', 'cat', 'dog')
    assert (summary.num_images, summary.num_objects, summary.skipped) == (2, 2, {})


def test_what_mmdet_leaves_out_is_counted(write):
    summary = inspect_coco(
        write(
            annotations=[
                *CONTENT['annotations'],
                annotation(3, bbox=[5, 5, 0, 9]),
                annotation(4, area=0),
                annotation(5, segmentation=[[1, 1, 9, 9]]),
                annotation(6, image_id=5, iscrowd=1),
                annotation(7, bbox=[60, 5, 9, 9]),
            ]
        )
    )
    assert summary.num_objects == 2
    assert summary.skipped == {
        'box without area': 2,
        'polygon of fewer than 3 points': 1,
        'crowd': 1,
        'box outside the image': 1,
    }


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(annotations=[annotation(9, image_id=2)]), 'annotation 9 is of image 2, which is not in "images"'),
        (dict(annotations=[annotation(9, category_id=1)]), 'annotation 9 is of category 1, which is not in'),
        (dict(annotations=[annotation(9, bbox=[1, 2, 3])]), r'annotation 9 has the bbox \[1, 2, 3\], expected'),
        (dict(annotations=[annotation(9, bbox=[1, 2, 3, None])]), 'annotation 9 has the bbox'),
        (dict(annotations=[annotation(9, segmentation=[[1, 2, 3]])]), 'annotation 9: its segmentation has a polygon'),
        (dict(annotations=[annotation(9, segmentation=dict(size=[1, 1]))]), 'run-length code without counts'),
        (dict(annotations=[annotation(9, segmentation='x')]), 'is a str, expected polygons'),
        (dict(annotations=[annotation(9, iscrowd=1)]), "no object to train on: 2 images, skipped {'crowd': 1}"),
        (dict(annotations=[annotation(9), annotation(9)]), 'two entries of "annotations" have the same id'),
        (dict(categories=[dict(id=7)]), 'category 7 has no name'),
        (dict(categories=[dict(id=7, name='cat'), dict(id=8, name='cat')]), "two categories are called 'cat'"),
        (dict(categories=[]), 'there are no categories'),
        (dict(images=[dict(id=1, file_name='a.png')]), 'image 1 needs a file_name, a height and a width'),
        (dict(images=None), 'has no list "images"'),
        (dict(images=[4]), 'entry 0 of "images" is no dict'),
    ],
)
def test_refused_with_file_and_entry(write, changes, message):
    with pytest.raises(ValueError, match=message) as error:
        inspect_coco(write(**changes))
    assert 'train.json' in str(error.value)


def test_objects_without_masks(write):
    path = write(annotations=[annotation(1), annotation(2, segmentation=[])])
    assert not inspect_coco(path).has_masks
    with pytest.raises(ValueError, match='objects without segmentation'):
        inspect_coco(path, with_masks=True)


def test_polygons_that_break_the_metric(write):
    path = write(annotations=[annotation(1), annotation(8, segmentation=[[1, 1, 9, 9]])])
    assert inspect_coco(path, with_masks=True).skipped == {'polygon of fewer than 3 points': 1}
    assert inspect_coco(path, evaluated=True).num_objects == 1
    with pytest.raises(ValueError, match='train.json: annotation 8 begins with a polygon of fewer than three points'):
        inspect_coco(path, with_masks=True, evaluated=True)


def test_missing_files(write, tmp_path):
    with pytest.raises(FileNotFoundError, match=r"1 of 2 images are not under .*, the first is image 5, 'b.png'"):
        path = write()
        (tmp_path / 'a.png').touch()
        inspect_coco(path, tmp_path)
    with pytest.raises(FileNotFoundError, match='There is no annotation file'):
        inspect_coco(tmp_path / 'none.json')
    (tmp_path / 'text.json').write_text('hello')
    with pytest.raises(ValueError, match='text.json, line 1: not JSON'):
        inspect_coco(tmp_path / 'text.json')


@pytest.fixture
def folder(write, tmp_path):
    """The folder of the images of the file that ``write`` writes."""
    for image in json.loads(write().read_text())['images']:
        Image.new('RGB', (image['width'], image['height'])).save(tmp_path / image['file_name'])
    return tmp_path


def test_images_of_another_size_and_unreadable_ones_are_refused_by_name(write, folder):
    inspect_coco(write(), folder)
    Image.new('RGB', (3, 5)).save(folder / 'b.png')
    with pytest.raises(ValueError, match=r'b.png has 3 x 5 pixels, and .*train.json says \d+ x \d+ of image 5'):
        inspect_coco(write(), folder)
    (folder / 'b.png').write_bytes(b'nonsense')
    with pytest.raises(ValueError, match='b.png, image 5 of .*train.json, cannot be read'):
        inspect_coco(write(), folder)


def test_a_photograph_that_hosts_turn_upright_has_its_upright_size(write, folder):
    width, height = Image.open(folder / 'a.png').size
    turned = Image.new('RGB', (height, width))
    turned.getexif()[0x0112] = 6
    turned.save(folder / 'a.png', exif=turned.getexif())
    inspect_coco(write(), folder)


def test_a_run_length_code_of_another_size_is_refused(write):
    path = write(annotations=[annotation(9, segmentation=dict(size=[1, 1], counts=[1]))])
    with pytest.raises(ValueError, match=r'annotation 9: its segmentation is a run-length code of the size \[1, 1\]'):
        inspect_coco(path)


def test_finds_the_usual_places(write, tmp_path):
    write()
    (tmp_path / 'images').mkdir()
    with pytest.raises(FileNotFoundError, match="first image 'a.png' is in none of train2017, train"):
        find_coco_split(tmp_path, 'train')
    (tmp_path / 'images' / 'a.png').touch()
    found = find_coco_split(tmp_path, 'train')
    assert (found.ann_file, found.image_folder) == ('train.json', 'images')
    assert find_coco_split(tmp_path, 'val') is None


@pytest.mark.parametrize(
    'changes, message',
    [
        (dict(bbox=[1e9, 10, 20, 20]), r'annotation 1 has the bbox \[1000000000.0, 10, 20, 20\], expected .* at most'),
        (dict(bbox=[float('nan'), 10, 20, 20]), r'annotation 1 has the bbox \[nan'),
        (dict(segmentation=[[0, 0, 1e9, 0, 1, 1]]), 'annotation 1: its segmentation has a polygon with a coordinate'),
        (dict(segmentation=dict(counts=[0, 2**31 - 1], size=[40, 50])), 'of 2147483647 pixels, and its size'),
        (dict(segmentation=dict(counts=[0, 9], size=[3, 3])), r'of the size \[3, 3\], and its image has \[40, 50\]'),
        (dict(area='\x1b[2J'), r'has the area \\x1b\[2J, expected a number'),
        (dict(category_id='\x1b]0;x\x07'), r'is of category \\x1b\]0;x\\x07, which is not'),
        (dict(image_id='\x1b[2J'), r'is of image \\x1b\[2J, which is not'),
    ],
)
def test_what_would_crash_a_host_or_the_terminal_is_one_line(write, changes, message):
    with pytest.raises(ValueError, match=message) as caught:
        inspect_coco(write(annotations=[dict(annotation(1), **changes)]))
    assert '\n' not in str(caught.value) and '\x1b' not in str(caught.value)


def test_a_byte_order_mark_is_accepted_and_a_pipe_is_not(write, tmp_path):
    path = write()
    path.write_bytes(b'\xef\xbb\xbf' + path.read_bytes())
    assert inspect_coco(path).num_objects == 2
    os.mkfifo(tmp_path / 'pipe.json')
    with pytest.raises(ValueError, match='pipe.json is a named pipe'):
        inspect_coco(tmp_path / 'pipe.json')


def test_an_image_that_is_a_program_is_refused(write, tmp_path, monkeypatch):
    canary = fake_ghostscript(tmp_path, monkeypatch)
    for name in ('a.png', 'b.png'):
        (tmp_path / name).write_bytes(EPS)
    with pytest.raises(ValueError, match='a.png, image 1 of .*train.json, cannot be read'):
        inspect_coco(write(), image_folder=tmp_path)
    assert not canary.exists()


def test_what_is_missing_is_filled_in_and_said(write):
    """As pandas, MATLAB and others write it: ids with a point or as text, no iscrowd, no area."""
    plain = annotation(9)
    path = write(
        images=[dict(id=1.0, file_name='a.png', width=30.0, height='20')],
        annotations=[
            {**{key: value for key, value in plain.items() if key not in ('iscrowd', 'area')}, 'image_id': '1'},
            {
                **plain,
                'id': 10.0,
                'image_id': 1.0,
                'iscrowd': None,
                'area': None,
                'category_id': float(plain['category_id']),
            },
            {**plain, 'id': 11, 'iscrowd': '1'},
        ],
    )
    summary = inspect_coco(path)
    assert summary.num_objects == 2 and summary.skipped == {'crowd': 1}
    assert summary.filled['objects without iscrowd'] == summary.filled['objects without area'] == 2
    assert 'Filled in: ' in str(summary) and 'ids or sides as text or with a point' in str(summary)


def test_ids_that_are_no_whole_numbers_are_refused(write):
    with pytest.raises(ValueError, match=r'annotation 9 is of image 1.5, which is not in "images"'):
        inspect_coco(write(annotations=[annotation(9, image_id=1.5)]))
    with pytest.raises(ValueError, match='is not a number|not a number|has the id'):
        inspect_coco(write(categories=[dict(id='one', name='cat')]))


def test_what_a_reader_may_not_expect_is_said(write, tmp_path):
    first = annotation(9)
    content = dict(
        images=[dict(id=index, file_name=f'{index}.png', width=90, height=90) for index in (1, 2, 3)],
        annotations=[first, {**first, 'id': 10}, {**first, 'id': 11, 'bbox': [1, 1, 300, 5]}],
        categories=[dict(id=0, name='things'), dict(id=first['category_id'], name='cat')],
    )
    assert inspect_coco(write(**content)).remarks == [
        '2 images have no object.',
        "1 classes have no object, for instance 'things'.",
        '1 objects are annotated twice, with the same box and class.',
        '1 boxes reach beyond their image and are clipped.',
    ]
