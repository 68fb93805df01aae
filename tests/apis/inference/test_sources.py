"""What users point to."""

import cv2
import numpy as np
import pytest

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.sources import VideoFrame, find_inputs


class _Camera:
    """A webcam with pictures that grow brighter, or none."""

    def __init__(self, index):
        self.opened, self.brightness = index == 0, 0

    def isOpened(self):  # noqa: N802
        return self.opened

    def read(self):
        self.brightness += 10
        return True, np.full((4, 6, 3), (self.brightness, 0, 255), np.uint8)

    def release(self):
        self.opened = False


def test_folders_are_searched_and_patterns_expanded(photos):
    names = [str(photos / 'china.png'), str(photos / 'more' / 'flower.png')]
    assert [each.name for each in find_inputs([photos])] == names
    assert [each.name for each in find_inputs([f'{photos}/**/*.png'])] == names
    assert [each.name for each in find_inputs([names[1], names[0]])] == names[::-1]


def test_addresses_and_arrays_pass_through():
    pixels = np.zeros((2, 2, 3), np.uint8)
    address, array = find_inputs(['https://example.org/a.jpg', pixels])
    assert address.source == 'https://example.org/a.jpg' and array.source is pixels


def test_models_for_images_see_frames_of_a_video(clip):
    frames = find_inputs([clip], frames=4)
    assert [each.name for each in frames] == [f'{clip}#{index}' for index in range(4)]
    assert [each.source for each in frames] == [VideoFrame(clip, share) for share in (0.125, 0.375, 0.625, 0.875)]
    assert [each.source for each in find_inputs([clip], 'video')] == [clip]


def test_a_webcam_gives_one_picture_in_rgb(monkeypatch):
    monkeypatch.setattr(cv2, 'VideoCapture', _Camera)
    (picture,) = find_inputs(['0'])
    assert picture.name == 'webcam-0'
    assert picture.source[0, 0].tolist() == [255, 0, 50], 'the fifth picture, red first'
    with pytest.raises(UserError, match='There is no webcam 1'):
        find_inputs(['1'])
    with pytest.raises(UserError, match='takes videos'):
        find_inputs(['0'], 'video')


@pytest.mark.parametrize(
    'arguments, message',
    [
        ([], 'nothing to look at'),
        (['gone.jpg'], "There is no 'gone.jpg'"),
        (['gone/*.jpg'], r"There is no 'gone/\*.jpg'"),
        (['ftp://example.org/a.jpg'], 'There is no'),
    ],
)
def test_what_does_not_exist_is_refused(arguments, message):
    with pytest.raises(UserError, match=message):
        find_inputs(arguments)


def test_a_folder_without_images_is_refused(tmp_path, photos):
    with pytest.raises(UserError, match='holds no image'):
        find_inputs([tmp_path])
    with pytest.raises(UserError, match='holds no video'):
        find_inputs([photos], 'video')
