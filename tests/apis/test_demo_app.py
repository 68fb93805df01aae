"""What the page calls, without a browser and without gradio."""

import pytest

from eva_mm.apis.demo_app import Demo, parse_models
from eva_mm.apis.errors import UserError


@pytest.fixture(scope='module')
def files(own_folders, tmp_path_factory):
    root = tmp_path_factory.mktemp('files')
    own_folders.save(root / 'cat.png', own_folders.picture('cat'))
    own_folders.video(root / 'dog.mp4', 'dog')
    (root / 'broken.jpg').write_bytes(b'no image')
    (root / 'page.html').write_text('<script>')
    return root


@pytest.fixture(scope='module')
def demo():
    return Demo(parse_models(['nano/classification=random', 'nano/video=random']))


def test_models_are_grouped_by_task(demo):
    assert demo.tasks == {'classification': ['nano/classification'], 'video': ['nano/video']}


def test_an_image_has_a_result_and_features(demo, files):
    picture, colours, prediction, remark = demo.look(str(files / 'cat.png'), 'nano/classification')
    assert picture.ndim == colours.ndim == 3 and picture.shape[2] == colours.shape[2] == 3
    assert len(prediction['top']) == 5 and 0 < prediction['top'][0]['score'] <= 1
    assert remark.startswith('nano/classification on cat.png. Features: 6 x 6 patches') and 'random' in remark


def test_a_video_has_a_result_and_says_that_features_are_of_images(demo, files):
    picture, colours, prediction, remark = demo.look(str(files / 'dog.mp4'), 'nano/video')
    assert picture.ndim == 3 and colours is None and prediction['top'] and 'models for images' in remark


@pytest.mark.parametrize(
    'file, model, message',
    [
        (None, 'nano/classification', 'There is no file yet'),
        ('page.html', 'nano/classification', 'page.html is no image that nano/classification takes: choose one'),
        ('dog.mp4', 'nano/classification', 'dog.mp4 is no image'),
        ('cat.png', 'nano/video', 'cat.png is no video'),
        ('broken.jpg', 'nano/classification', 'broken.jpg'),
        ('cat.png', 'nano/detection', "The page has no model 'nano/detection'"),
    ],
)
def test_what_cannot_be_looked_at_is_one_sentence(demo, files, file, model, message):
    with pytest.raises(UserError, match=message):
        demo.look(file and str(files / file), model)


@pytest.mark.parametrize(
    'pairs, error, message',
    [
        (['nano/nothing=random'], UserError, 'nano/nothing'),
        (['nano/classification=no.pth'], FileNotFoundError, 'names a checkpoint that does not exist'),
        (['nano/classification'], UserError, 'No weights were released'),
        (None, UserError, 'There is no model to show: give --model'),
    ],
)
def test_wrong_models_are_one_sentence(pairs, error, message, monkeypatch, tmp_path):
    monkeypatch.setenv('EVA_MM_WEIGHTS', str(tmp_path))
    with pytest.raises(error, match=message):
        parse_models(pairs)
