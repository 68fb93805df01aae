"""Annotation files that pycocotools and lvis cannot take; without the check most of these end the process."""

import json
import os

import pytest

mask_api = pytest.importorskip('pycocotools.mask')


def annotated(segmentation, **changes):
    annotation = {'id': 3, 'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 5, 5], 'area': 25, 'iscrowd': 0, **changes}
    return {
        'images': [{'id': 1, 'width': 10, 'height': 8, 'file_name': 'a', 'coco_url': 'x/a',
                    'neg_category_ids': [], 'not_exhaustive_category_ids': []}],
        'annotations': [{**annotation, 'segmentation': segmentation}],
        'categories': [{'id': 1, 'name': 'cat', 'frequency': 'f', 'synset': 'cat.n.01'}],
    }  # fmt: skip


SOUND = [[0, 0, 5, 0, 5, 5]]
WRONG = [
    [[0, 0, 1e9, 0, 1e9, 1e9]],
    [[0, 0, 1e999, 0, 5, 5]],
    {'size': [8, 10], 'counts': [0, 9999]},
    {'size': [8, 10], 'counts': 'PPYo0'},
    {'size': [10**9, 10**9], 'counts': '1'},
]


def coco(path):
    from pycocotools.coco import COCO

    return COCO(str(path))


def lvis(path):
    return pytest.importorskip('lvis').LVIS(str(path))


def of_mmdet(path):
    return pytest.importorskip('mmdet.datasets.api_wrappers').COCO(str(path))


@pytest.mark.parametrize('read', [coco, lvis, of_mmdet])
def test_a_sound_file_is_read_with_or_without_a_mark(read, tmp_path):
    for mark in ('', '\ufeff'):
        (tmp_path / 'x.json').write_text(mark + json.dumps(annotated(SOUND)), encoding='utf-8')
        assert len(read(tmp_path / 'x.json').anns) == 1


@pytest.mark.parametrize('read', [coco, lvis, of_mmdet])
@pytest.mark.parametrize('segmentation', WRONG, ids=str)
def test_a_segmentation_that_would_end_the_process_is_refused(read, segmentation, tmp_path):
    (tmp_path / 'x.json').write_text(json.dumps(annotated(segmentation)))
    with pytest.raises(ValueError, match='x.json: annotation 3 has a segmentation'):
        read(tmp_path / 'x.json')


@pytest.mark.parametrize('read', [coco, lvis, of_mmdet])
def test_boxes_and_images_without_bounds_are_refused(read, tmp_path):
    (tmp_path / 'x.json').write_text(json.dumps(annotated(SOUND, bbox=[0, 0, float('nan'), 1])))
    with pytest.raises(ValueError, match='annotation 3 has the bbox'):
        read(tmp_path / 'x.json')
    content = annotated(SOUND)
    content['images'][0]['height'] = 10**9
    (tmp_path / 'x.json').write_text(json.dumps(content))
    with pytest.raises(ValueError, match='image 1 has 10 x 1000000000 pixels'):
        read(tmp_path / 'x.json')


@pytest.mark.parametrize('read', [coco, lvis])
def test_a_pipe_is_not_waited_for(read, tmp_path):
    os.mkfifo(tmp_path / 'x.json')
    with pytest.raises(ValueError, match='named pipe'):
        read(tmp_path / 'x.json')


@pytest.mark.parametrize('segmentation', WRONG[:3], ids=str)
def test_masks_are_checked_where_a_host_makes_them(segmentation):
    with pytest.raises(ValueError, match='A segmentation'):
        mask_api.frPyObjects(segmentation, 8, 10)
    assert mask_api.frPyObjects(SOUND, 8, 10)
