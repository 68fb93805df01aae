"""Damaged and wrong annotation files are refused with a sentence."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from eva_mm.datasets.own.coco import inspect_coco
from eva_mm.datasets.own.coco_folders import find_coco_split
from tests.helpers.fuzzing import REFUSALS, damaged, fuzz, is_sentence, wrong

COCO = {
    'images': [
        {'id': 1, 'file_name': 'a.png', 'height': 20, 'width': 30},
        {'id': 7, 'file_name': 'b.png', 'height': 10, 'width': 10, 'neg_category_ids': [5]},
    ],
    'annotations': [
        {'id': 1, 'image_id': 1, 'category_id': 5, 'bbox': [1, 2, 5.5, 4], 'area': 22.0, 'iscrowd': 0,
         'segmentation': [[1, 2, 6, 2, 6, 6, 1, 6]]},
        {'id': 2, 'image_id': 7, 'category_id': 9, 'bbox': [0, 0, 3, 3], 'area': 9, 'iscrowd': 1,
         'segmentation': {'counts': [0, 9, 91], 'size': [10, 10]}},
        {'id': 3, 'image_id': 7, 'category_id': 9, 'bbox': [0, 0, 3, 3],
         'segmentation': {'counts': '03Q3', 'size': [10, 10]}},
    ],
    'categories': [{'id': 5, 'name': 'cat', 'frequency': 'f'}, {'id': 9, 'name': 'dog', 'frequency': 'r'}],
}  # fmt: skip


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp('coco')
    Image.new('RGB', (30, 20)).save(folder / 'a.png')
    Image.new('RGB', (10, 10)).save(folder / 'b.png')
    (folder / 'annotations').mkdir()
    return folder


def check_all(folder: Path, content: bytes) -> None:
    ann_file = folder / 'annotations' / 'train.json'
    ann_file.write_bytes(content)
    for read in (
        lambda: inspect_coco(ann_file),
        lambda: inspect_coco(ann_file, folder, with_masks=True, evaluated=True),
        lambda: find_coco_split(folder, 'train'),
    ):
        try:
            read()
        except REFUSALS as error:
            assert is_sentence(error)


def test_the_file_itself_is_sound(folder):
    ann_file = folder / 'annotations' / 'train.json'
    ann_file.write_text(json.dumps(COCO))
    assert inspect_coco(ann_file, folder, with_masks=True, evaluated=True).num_objects == 2


def test_damaged_bytes(folder):
    fuzz(given(damaged(json.dumps(COCO).encode()))(lambda content: check_all(folder, content)))()


def test_wrong_parts(folder):
    fuzz(given(wrong(COCO))(lambda value: check_all(folder, json.dumps(value).encode())))()


def test_bytes_that_are_no_json(folder):
    deep = st.integers(1, 200_000).map(lambda depth: b'[' * depth)
    fuzz(given(st.one_of(st.binary(max_size=40), deep))(lambda content: check_all(folder, content)))()
