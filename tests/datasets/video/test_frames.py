import numpy as np
import pytest

from eva_mm.datasets.video import DecodeFrames, OpenVideo, SampleSegments
from eva_mm.datasets.video.reader import Fault

from .conftest import brightness, write_video


@pytest.fixture(autouse=True)
def _seed():
    np.random.seed(0)


def test_training_draws_one_frame_of_every_segment():
    sampler = SampleSegments(random=True)
    drawn = np.stack([sampler.indices(84, 8)[0] for _ in range(300)])
    # segments of 84 // 8 = 10 frames; the last four frames are never drawn, as released
    for segment in range(8):
        assert set(drawn[:, segment]) == set(range(10 * segment, 10 * segment + 10))


def test_one_clip_in_test_is_the_centre_of_every_segment():
    assert SampleSegments().indices(80, 8).tolist() == [[5, 15, 25, 35, 45, 55, 65, 75]]
    # the released arithmetic for lengths that do not divide: floor((i + 1/2) * frames / T)
    assert SampleSegments().indices(250, 16)[0].tolist() == [int((i + 0.5) * 250 / 16) for i in range(16)]


def test_several_clips_are_spread_evenly_and_agree_between_evaluations():
    sampler = SampleSegments(num_clips=4)
    assert sampler.indices(80, 2).tolist() == [[5, 45], [15, 55], [25, 65], [35, 75]]
    assert np.array_equal(sampler.indices(80, 2), sampler.indices(80, 2))


def test_the_released_test_draws_its_clips():
    sampler = SampleSegments(num_clips=4, random=True)
    one, other = sampler.indices(200, 4), sampler.indices(200, 4)
    assert one.shape == (4, 4) and not np.array_equal(one, other)
    assert np.array_equal(one // 50, np.tile(np.arange(4), (4, 1)))


@pytest.mark.parametrize('random', [True, False])
@pytest.mark.parametrize('frames', [1, 3, 7, 8, 9])
def test_short_videos_repeat_frames_in_order(frames, random):
    indices = SampleSegments(num_clips=2, random=random).indices(frames, 8)
    assert indices.min() >= 0 and indices.max() < frames
    assert (np.diff(indices, axis=1) >= 0).all()
    assert len(np.unique(indices)) == min(frames, 8) or frames == 9 or not random


def test_a_clip_of_no_frames_is_refused():
    with pytest.raises(ValueError, match='clip_len=0 and num_clips=1 must be positive'):
        SampleSegments(0)


def test_the_clip_length_may_be_that_of_the_data_set():
    results = SampleSegments()(dict(total_frames=20, num_frames=4))
    assert results['frame_inds'].tolist() == [2, 7, 12, 17] and results['clip_len'] == 4
    assert SampleSegments(clip_len=2)(dict(total_frames=20, num_frames=4))['clip_len'] == 2
    with pytest.raises(ValueError, match='has no clip_len: give it one, or give the data set num_frames'):
        SampleSegments()(dict(total_frames=20, num_frames=None))


def test_from_file_to_frames(tmp_path):
    write_video(tmp_path / 'video.mp4')
    results = dict(filename=str(tmp_path / 'video.mp4'), label=1, start_index=0)
    for transform in (OpenVideo(), SampleSegments(clip_len=4, num_clips=2), DecodeFrames()):
        results = transform(results)
    assert results['total_frames'] == 20 and results['clip_len'] == 4 and results['num_clips'] == 2
    assert brightness(results['imgs']) == [1, 6, 11, 16, 3, 8, 13, 18]
    assert results['img_shape'] == (32, 48) and 'video_reader' not in results


def test_short_videos_are_refused(damaged):
    with pytest.raises(Fault, match='has 1 frames, expected at least 2') as caught:
        OpenVideo()(dict(filename=damaged['too short']))
    assert caught.value.kind == 'too short'
    assert OpenVideo(min_frames=1)(dict(filename=damaged['too short']))['total_frames'] == 1
