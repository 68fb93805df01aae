"""Results as files."""

import json
from types import SimpleNamespace

import numpy as np
import pytest

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference import Result, ResultWriter
from eva_mm.apis.inference.draw import add_caption, contact_sheet, enlarge, heat_map, thumbnail

CLASSIFIER = SimpleNamespace(task='classification')


def _result(name, shape=(30, 40), colour=(200, 0, 0), **fields):
    return Result(name, dict(top=[]), np.full((*shape, 3), colour, np.uint8), **fields)


def test_names_are_kept_apart_and_safe(tmp_path):
    writer = ResultWriter(tmp_path / 'new' / 'folder', CLASSIFIER)
    for name in ('a/x.jpg', 'b/x.jpg', 'clip.mp4#3', 'https://h.org/y%20z.png?k=../../etc', '../..'):
        writer.add(_result(name))
    writer.finish()
    names = sorted(path.name for path in (tmp_path / 'new/folder/pictures').iterdir())
    assert {'x.png', 'x_2.png', 'clip_3.png', 'y_20z.png'} < set(names) and len(names) == 5
    assert not (tmp_path / 'new' / 'x.png').exists()


def test_predictions_and_errors_are_listed_in_order(tmp_path):
    writer = ResultWriter(tmp_path, CLASSIFIER)
    writer.add(_result('é.jpg', arrays={'features': np.ones((2, 2, 5), np.float32)}))
    writer.add(Result('bad#0', error='bad cannot be used.'))
    writer.add(Result('bad#1', error='bad cannot be used.'))
    writer.finish()
    assert json.loads((tmp_path / 'predictions.json').read_text(encoding='utf-8')) == [
        dict(input='é.jpg', prediction=dict(top=[])),
        dict(input='bad#0', error='bad cannot be used.'),
        dict(input='bad#1', error='bad cannot be used.'),
    ]
    assert writer.errors == ['bad cannot be used.']
    assert np.load(tmp_path / 'features' / 'é.npy').shape == (2, 2, 5)


def test_nothing_to_show_makes_no_sheet(tmp_path):
    writer = ResultWriter(tmp_path, CLASSIFIER)
    writer.add(Result('bad', error='bad.'))
    writer.finish()
    assert not (tmp_path / 'contact_sheet.png').exists() and (tmp_path / 'predictions.json').exists()


def test_a_file_is_no_folder(tmp_path):
    (tmp_path / 'file').touch()
    with pytest.raises(UserError, match='cannot be made'):
        ResultWriter(tmp_path / 'file', CLASSIFIER)


def test_the_contact_sheet_shows_every_picture():
    colours = [(250, 0, 0), (0, 250, 0), (0, 0, 250), (250, 250, 0), (0, 250, 250)]
    pictures = [np.full((50 + 20 * index, 60, 3), colour, np.uint8) for index, colour in enumerate(colours)]
    sheet = np.asarray(contact_sheet([thumbnail(picture) for picture in pictures], list('abcde')))
    for colour in colours:
        assert (sheet == colour).all(axis=2).sum() > 5000
    assert 0.5 < sheet.shape[1] / sheet.shape[0] < 2


def test_a_caption_leaves_the_picture_alone():
    picture = np.random.default_rng(0).integers(0, 256, (40, 400, 3), dtype=np.uint8)
    captioned = add_caption(picture, [('a very long text ' * 20, 1.0), ('short', 0.0)])
    assert np.array_equal(captioned[:40], picture)
    assert captioned.shape[1] == 400 and captioned.shape[0] > 80
    assert (captioned[40:] < 100).any(), 'there is ink'


def test_small_pictures_grow_and_large_ones_do_not():
    assert enlarge(np.zeros((10, 100, 3), np.uint8)).shape == (40, 400, 3)
    assert enlarge(np.zeros((10, 500, 3), np.uint8)).shape == (10, 500, 3)


def test_heat_is_dark_at_0_and_bright_at_1():
    low, high = heat_map(np.array([[-1.0, 2.0]]), (4, 8))[0, [0, 7]].astype(int)
    assert low.tolist() == [68, 1, 84] and high.tolist() == [253, 231, 37]
