import json

import numpy as np
import pytest

from eva_mm.datasets import CropBorder, RobustnessSet

IMAGES = [
    {'path': 'val/a.JPEG', 'labels': [3], 'real': [3, 5]},
    {'path': 'val/b.JPEG', 'labels': [4, 2]},
]


@pytest.fixture
def root(tmp_path):
    (tmp_path / 'lists').mkdir()
    listed = {'name': 'imagenet-a', 'candidates': [2, 3, 4], 'images': IMAGES}
    (tmp_path / 'lists/a.json').write_text(json.dumps(listed))
    return tmp_path


def test_samples_carry_all_that_the_table_needs(root):
    data = RobustnessSet(data_root=str(root), ann_file='lists/a.json')
    assert len(data) == 2
    first, second = data[0], data[1]
    assert first['img_path'] == str(root / 'val/a.JPEG')
    assert (first['gt_label'], first['labels'], first['real_labels']) == (3, [3], [3, 5])
    assert (second['gt_label'], second['labels'], second['real_labels']) == (4, [4, 2], None)
    assert first['eval_set'] == 'imagenet-a' and second['candidates'] == [2, 3, 4]


def test_a_missing_list_names_the_tool(root):
    with pytest.raises(FileNotFoundError, match='no list .*lists/b.json: write it with .*make_imagenet_lists.py'):
        RobustnessSet(data_root=str(root), ann_file='lists/b.json')


@pytest.mark.parametrize('width, side', [(2, 4), (0, 8)])
def test_crop_border(width, side):
    image = np.arange(8 * 8 * 3, dtype=np.uint8).reshape(8, 8, 3)
    results = CropBorder(width)({'img': image.copy()})
    assert results['img_shape'] == (side, side)
    assert np.array_equal(results['img'], image[width : 8 - width, width : 8 - width])


def test_a_byte_order_mark_is_accepted_and_a_wrong_entry_is_named(root):
    path = root / 'lists/a.json'
    content = json.loads(path.read_text())
    path.write_bytes(b'\xef\xbb\xbf' + json.dumps(content).encode())
    assert len(RobustnessSet(data_root=str(root), ann_file='lists/a.json')) == 2
    content['images'][1] = {'path': 'val/b.JPEG'}
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match='a.json, image 1: a path and a list of labels are expected'):
        RobustnessSet(data_root=str(root), ann_file='lists/a.json')
    path.write_text('[1')
    with pytest.raises(ValueError, match='a.json'):
        RobustnessSet(data_root=str(root), ann_file='lists/a.json')
