import os
import sys
from types import SimpleNamespace

import numpy as np
import pytest

from eva_mm.datasets.video import reader
from eva_mm.datasets.video.reader import Fault, choose_backend, open_video

from .conftest import av, brightness, cut_in_half, write_video


class FakeDecord:
    """The part of decord that is used: 20 frames, or an error."""

    class DECORDError(Exception):
        pass

    def __init__(self, path, num_threads):
        if 'sound' in path:
            raise self.DECORDError('cannot find video stream with wanted index: -1')
        if 'cut' in path:
            raise RuntimeError('Error reading')

    def __len__(self):
        return 20

    def get_batch(self, indices):
        if max(indices) >= 15:
            raise self.DECORDError('av_read_frame failed')
        frames = np.stack([np.full((32, 48, 3), 10 * index, np.uint8) for index in indices])
        return SimpleNamespace(asnumpy=lambda: frames)


@pytest.fixture
def decord(monkeypatch):
    module = SimpleNamespace(VideoReader=FakeDecord, DECORDError=FakeDecord.DECORDError)
    monkeypatch.setitem(sys.modules, 'decord', module)
    monkeypatch.setattr(reader, 'find_spec', lambda name: name in ('decord', 'av') or None)


def test_a_narrow_video_that_decord_cannot_copy_is_read_by_pyav(decord, tmp_path, monkeypatch):
    def get_batch(self, indices):
        raise self.DECORDError('Check failed: DECORDArrayCopyFromTo: The size must exactly match')

    path = tmp_path / 'video.mp4'
    write_video(path)
    monkeypatch.setattr(FakeDecord, 'get_batch', get_batch)
    assert brightness(open_video(path, 'decord').read([19, 3])) == [19, 3]


@pytest.mark.parametrize('suffix', ['mp4', 'mkv', 'avi'])
def test_frames_come_by_their_number_from_every_container(tmp_path, suffix):
    path = tmp_path / f'video.{suffix}'
    write_video(path)
    video = open_video(path, 'av')
    assert len(video) == 20
    frames = video.read([19, 3, 3, 0])
    assert brightness(frames) == [19, 3, 3, 0]
    assert frames[0].shape == (32, 48, 3) and frames[0].dtype == np.uint8


@pytest.mark.parametrize('reason', ['undecodable', 'empty', 'no video stream', 'missing'])
def test_damage_is_named(damaged, reason):
    with pytest.raises(Fault, match=damaged[reason].name) as caught:
        open_video(damaged[reason], 'av')
    assert caught.value.kind == reason


def test_a_file_that_is_cut_off_behind_its_header_is_broken(tmp_path):
    path = tmp_path / 'video.mp4'
    write_video(path, frames=60, size=(96, 128), options={'movflags': 'faststart'})
    cut_in_half(path)
    video = open_video(path, 'av')
    assert len(video) == 60
    with pytest.raises(Fault, match=r'it holds \d+ of 60 frames') as caught:
        video.read([0, 59])
    assert caught.value.kind == 'undecodable'


def test_a_few_announced_frames_that_are_absent_repeat_the_last(tmp_path):
    write_video(tmp_path / 'video.mp4')
    video = open_video(tmp_path / 'video.mp4', 'av')
    video.num_frames = 22
    assert brightness(video.read([0, 19, 20, 21])) == [0, 19, 19, 19]


def test_decord_is_preferred_and_its_errors_are_named(decord, tmp_path):
    assert choose_backend() == 'decord' and choose_backend('av') == 'av'
    for name in ('video', 'sound', 'cut'):
        (tmp_path / f'{name}.mp4').write_bytes(b'\0\0\0\x18ftypmp42')
    video = open_video(tmp_path / 'video.mp4')
    assert len(video) == 20 and brightness(video.read([3, 0])) == [3, 0]
    for name, reason in (('sound', 'no video stream'), ('cut', 'undecodable')):
        with pytest.raises(Fault) as caught:
            open_video(tmp_path / f'{name}.mp4')
        assert caught.value.kind == reason
    with pytest.raises(Fault, match='av_read_frame failed'):
        video.read([19])


def test_a_backend_that_is_absent_or_unknown_is_refused(monkeypatch):
    monkeypatch.setattr(reader, 'find_spec', lambda name: None)
    with pytest.raises(ImportError, match=r'needs decord or PyAV \(pip install av\), which is not installed'):
        choose_backend()
    with pytest.raises(ValueError, match="backend='cv2' is unknown: choose from auto, decord, av"):
        choose_backend('cv2')


@pytest.mark.parametrize(
    'content',
    [
        b'#EXTM3U\n#EXT-X-TARGETDURATION:9\n#EXTINF:9,\n{target}\n#EXT-X-ENDLIST\n',
        b'ffconcat version 1.0\nfile {target}\n',
        b'v=0\no=- 0 0 IN IP4 127.0.0.1\nc=IN IP4 127.0.0.1\nm=video 5004 RTP/AVP 96\n',
        b'<?xml version="1.0"?><MPD><BaseURL>{target}</BaseURL></MPD>',
        b'x',
    ],
)
@pytest.mark.parametrize('backend', ['av', 'decord'])
def test_a_playlist_is_no_video_and_leads_nowhere(content, backend, decord, tmp_path):
    write_video(tmp_path / 'secret.mp4')
    (tmp_path / 'list.mp4').write_bytes(content.replace(b'{target}', str(tmp_path / 'secret.mp4').encode()))
    with pytest.raises(Fault, match='does not begin as a video file') as caught:
        open_video(tmp_path / 'list.mp4', backend)
    assert caught.value.kind == 'undecodable'


def test_a_name_is_no_address_of_ffmpeg(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    write_video(tmp_path / 'secret.mp4', first=100)
    # the second name is a protocol of FFmpeg, which would read the first file
    write_video(tmp_path / 'x.mp4', first=0)
    (tmp_path / 'x.mp4').rename(tmp_path / 'concat:secret.mp4')
    assert brightness(open_video('concat:secret.mp4', 'av').read([0])) == [0]


def test_a_pipe_is_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / 'x.mp4')
    with pytest.raises(Fault, match='named pipe') as caught:
        open_video(tmp_path / 'x.mp4', 'av')
    assert caught.value.kind == 'missing'


def test_frames_have_a_bound(tmp_path, monkeypatch):
    write_video(tmp_path / 'x.mp4', frames=2)
    monkeypatch.setattr(reader, 'MAX_FRAME_PIXELS', 32 * 48 - 1)
    with pytest.raises(Fault, match='frames of 48 x 32 pixels, more than'):
        open_video(tmp_path / 'x.mp4', 'av')


@pytest.mark.parametrize('suffix', ['mp4', 'mov', 'mkv', 'webm', 'avi', 'mpg', 'ts', 'flv', 'wmv', '3gp', 'ogv', 'gif'])
def test_every_container_is_known(suffix, tmp_path):
    path = tmp_path / f'x.{suffix}'
    codec = {'webm': 'libvpx', 'ogv': 'libtheora', 'gif': 'gif', 'flv': 'flv', 'wmv': 'wmv2', 'mpg': 'mpeg2video',
             'ts': 'mpeg2video'}.get(suffix, 'mpeg4')  # fmt: skip
    try:
        with av.open(str(path), 'w') as container:
            stream = container.add_stream(codec, rate=25)
            stream.width, stream.height = 64, 48
            stream.pix_fmt = 'rgb8' if suffix == 'gif' else 'yuv420p'
            for index in range(30):
                frame = av.VideoFrame.from_ndarray(np.full((48, 64, 3), 8 * index, np.uint8), format='rgb24')
                container.mux(stream.encode(frame.reformat(format=stream.pix_fmt)))
            container.mux(stream.encode(None))
    except (av.error.FFmpegError, ValueError) as error:
        pytest.skip(f'this FFmpeg does not write {suffix}: {error}')
    assert reader.is_container(path.read_bytes()[:512])
    assert len(open_video(path, 'av')) >= 2
