import json

import pytest

from eva_mm.datasets import CaptionedImages


@pytest.fixture
def listed(tmp_path):
    images = [
        dict(
            filename=f'{name}.jpg',
            filepath='val2014',
            split=split,
            sentences=[dict(raw=f'{name} {i}') for i in range(n)],
        )
        for name, split, n in (('a', 'test', 5), ('b', 'train', 5), ('c', 'test', 6))
    ]
    del images[2]['filepath']
    (tmp_path / 'dataset_coco.json').write_text(json.dumps(dict(images=images)))
    return dict(data_root=str(tmp_path), ann_file='dataset_coco.json', data_prefix=dict(img='images'))


def test_images_of_the_split_with_their_captions(listed, tmp_path):
    dataset = CaptionedImages(**listed)
    first, second = (dataset.get_data_info(index) for index in range(2))
    assert len(dataset) == 2 and first['img_path'] == str(tmp_path / 'images' / 'val2014' / 'a.jpg')
    assert second['img_path'] == str(tmp_path / 'images' / 'c.jpg')
    assert second['text'] == [f'c {i}' for i in range(6)]


def test_no_more_captions_than_asked_for(listed):
    dataset = CaptionedImages(max_captions=5, **listed)
    assert [len(dataset.get_data_info(index)['text']) for index in range(2)] == [5, 5]


def test_unknown_split(listed):
    with pytest.raises(ValueError, match="no images of split='val': it has test, train"):
        CaptionedImages(split='val', **listed)


def test_a_byte_order_mark_is_accepted_and_a_wrong_entry_is_named(listed, tmp_path):
    path = tmp_path / 'dataset_coco.json'
    content = json.loads(path.read_text())
    path.write_bytes(b'\xef\xbb\xbf' + json.dumps(content).encode())
    assert len(CaptionedImages(**listed)) == 2
    del content['images'][1]['sentences']
    content['images'][1]['filename'] = '\x1b[2J'
    path.write_text(json.dumps(content))
    with pytest.raises(ValueError, match=r'dataset_coco.json, image 1: filename, split and sentences .*\\x1b\[2J'):
        CaptionedImages(**listed)
    path.write_text('[1]')
    with pytest.raises(ValueError, match='has no list "images"'):
        CaptionedImages(**listed)
