import random

import numpy as np
import pytest
import torch

from eva_mm.datasets.video.color import ClipColorJitter, ClipGrayscale

CLIP = [np.random.default_rng(0).integers(0, 256, (8, 8, 3), dtype=np.uint8)] * 4


@pytest.fixture(autouse=True)
def _seed():
    random.seed(0)
    torch.manual_seed(0)


def jittered(**kwargs):
    return ClipColorJitter(prob=1.0, **kwargs)(dict(imgs=CLIP))['imgs']


def test_every_frame_is_jittered_differently_as_released():
    frames = jittered()
    assert all(frame.dtype == np.uint8 and frame.shape == (8, 8, 3) for frame in frames)
    assert len({frame.tobytes() for frame in frames}) == 4


def test_a_clip_can_be_jittered_as_one():
    frames = jittered(per='clip')
    assert len({frame.tobytes() for frame in frames}) == 1
    assert not np.array_equal(frames[0], CLIP[0])


def test_brightness_stays_in_its_range():
    white = [np.full((2, 2, 3), 100, np.uint8)] * 200
    values = [frame.max() for frame in ClipColorJitter(1.0, 0.4, 0, 0, 0)(dict(imgs=white))['imgs']]
    assert 59 <= min(values) < 65 and 135 < max(values) <= 140


@pytest.mark.parametrize(('transform', 'prob'), [(ClipColorJitter, 0.8), (ClipGrayscale, 0.2)])
def test_clips_are_changed_as_often_as_asked(transform, prob):
    change = transform(prob=prob)
    unchanged = sum(change(dict(imgs=CLIP[:1]))['imgs'][0] is CLIP[0] for _ in range(500))
    assert unchanged / 500 == pytest.approx(1 - prob, abs=0.06)


def test_grey_clips_keep_three_equal_channels():
    frames = ClipGrayscale(prob=1.0)(dict(imgs=CLIP))['imgs']
    assert all((frame == frame[..., :1]).all() and frame.shape == (8, 8, 3) for frame in frames)


def test_unknown_grouping_is_refused():
    with pytest.raises(ValueError, match="per='video' is unknown: choose 'frame'"):
        ClipColorJitter(per='video')
