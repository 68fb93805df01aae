"""Small real video files."""

from fractions import Fraction

import numpy as np
import pytest

av = pytest.importorskip('av')


def write_video(path, frames=20, size=(32, 48), first=0, options=None):
    """Frame i is plain grey of brightness ``first + 10 * i``."""
    with av.open(str(path), 'w', options=options or {}) as container:
        stream = container.add_stream('mpeg4', rate=Fraction(10))
        (stream.height, stream.width), stream.pix_fmt = size, 'yuv420p'
        for index in range(frames):
            frame = np.full((*size, 3), (first + 10 * index) % 250, np.uint8)
            container.mux(stream.encode(av.VideoFrame.from_ndarray(frame, format='rgb24')))
        container.mux(stream.encode(None))


def write_audio(path):
    """A file with sound and no pictures."""
    with av.open(str(path), 'w') as container:
        stream = container.add_stream('aac', rate=16000)
        stream.layout = 'mono'
        for index in range(8):
            frame = av.AudioFrame.from_ndarray(np.zeros((1, 1024), np.float32), format='fltp', layout='mono')
            frame.rate, frame.pts = 16000, 1024 * index
            container.mux(stream.encode(frame))
        container.mux(stream.encode(None))


def cut_in_half(path):
    """Truncate a file."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def brightness(frames):
    """Number of each frame that :func:`write_video` wrote."""
    return [round(float(frame.mean()) / 10) for frame in frames]


@pytest.fixture
def damaged(tmp_path):
    """One file of every kind of damage, by its reason."""
    write_video(tmp_path / 'cut.mp4')
    cut_in_half(tmp_path / 'cut.mp4')
    (tmp_path / 'empty.mp4').touch()
    write_audio(tmp_path / 'sound.mp4')
    write_video(tmp_path / 'short.mp4', frames=1)
    names = dict(undecodable='cut', empty='empty', missing='gone')
    names |= {'no video stream': 'sound', 'too short': 'short'}
    return {reason: tmp_path / f'{name}.mp4' for reason, name in names.items()}
