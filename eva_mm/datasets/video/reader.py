"""Frames of a video file by their number, through decord or PyAV."""

import os
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Protocol

import numpy as np

from eva_mm.datasets.faults import Fault
from eva_mm.safe_io.files import open_regular
from eva_mm.safe_io.printed import reason_of

BACKENDS = ('decord', 'av')
PACKAGES = {'decord': 'decord', 'av': 'PyAV (pip install av)'}

# of a frame; a clip of 16 then takes 1.6 GB at most
MAX_FRAME_PIXELS = 8192 * 4096

# how the containers that are read begin; a playlist, which FFmpeg would follow to other files and addresses, is none
_BOX_TYPES = (b'ftyp', b'moov', b'mdat', b'wide', b'free', b'skip', b'pnot', b'uuid')
_BEGINNINGS = (b'\x1aE\xdf\xa3', b'FLV', b'\x30\x26\xb2\x75', b'OggS', b'GIF8', b'\x00\x00\x01')
_TS_PACKET = 188

# containers often announce a few frames more than they hold; beyond this share the file is cut off
ANNOUNCED_TOO_MUCH = 0.1


class VideoReader(Protocol):
    """What both backends offer; ``len()`` is the number of frames that the file announces."""

    def __len__(self) -> int: ...

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """RGB frames, (H, W, 3) uint8, one for each index; they may repeat and need not be sorted."""


def is_container(head: bytes) -> bool:
    """Whether a file begins as a container of videos: MP4, Matroska, AVI, MPEG, FLV, ASF, Ogg or GIF."""
    is_transport_stream = any(
        head[first : first + 1] == b'G' and head[first + step : first + step + 1] == b'G'
        for first, step in ((0, _TS_PACKET), (4, _TS_PACKET + 4))
    )
    is_avi = head.startswith(b'RIFF') and head[8:11] == b'AVI'
    return head[4:8] in _BOX_TYPES or head.startswith(_BEGINNINGS) or is_avi or is_transport_stream


def _broken(path: str, error: BaseException | str) -> Fault:
    return Fault(f'{path} cannot be decoded ({reason_of(error, 120)}): replace the file.')


def _no_video(path: str) -> Fault:
    return Fault(f'{path} has no video stream, only sound: replace the file.', 'no video stream')


class PyAVReader:
    """Decodes from the start to the last frame asked for, so frame numbers are exact in every format."""

    def __init__(self, path: str, num_threads: int = 1) -> None:
        import av

        self.path, self.errors = path, (av.error.FFmpegError, ValueError)
        try:
            # the scheme keeps a name with a colon in it from being taken for another one
            address = f'file:{os.path.abspath(path)}'
            self.container = av.open(address, options={'protocol_whitelist': 'file'})
        except self.errors as error:
            raise _broken(path, error) from error
        if not self.container.streams.video:
            # a file that is cut off before its index can sometimes be opened, and then holds nothing
            raise _no_video(path) if self.container.streams.audio else _broken(path, 'it holds no pictures')
        self.stream = self.container.streams.video[0]
        width, height = self.stream.codec_context.width, self.stream.codec_context.height
        if width * height > MAX_FRAME_PIXELS:
            self.container.close()
            raise _broken(path, f'frames of {width} x {height} pixels, more than {MAX_FRAME_PIXELS:,}')
        self.stream.codec_context.thread_count = num_threads
        # matroska and webm announce no number of frames
        self.num_frames = self.stream.frames or self._count_packets()

    def _count_packets(self) -> int:
        try:
            count = sum(1 for packet in self.container.demux(self.stream) if packet.size)
            self.container.seek(0)
        except self.errors as error:
            raise _broken(self.path, error) from error
        return count

    def __len__(self) -> int:
        return self.num_frames

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """As :meth:`VideoReader.read`.

        Raises:
            Fault: A frame cannot be decoded, or the file is cut off.
        """
        wanted, frames, last = set(indices), {}, -1
        try:
            for last, frame in enumerate(self.container.decode(self.stream)):
                if last in wanted:
                    frames[last] = frame.to_ndarray(format='rgb24')
                if last >= max(wanted):
                    break
                # stands in for frames that the file announces and does not hold
                final = frame
        except self.errors as error:
            raise _broken(self.path, error) from error
        finally:
            self.container.close()
        absent = [index for index in wanted if index > last]
        if absent:
            if last < (1 - ANNOUNCED_TOO_MUCH) * self.num_frames - 1:
                raise _broken(self.path, f'it holds {last + 1} of {self.num_frames} frames')
            frames.update(dict.fromkeys(absent, final.to_ndarray(format='rgb24')))
        return [frames[index] for index in indices]


class DecordReader:
    """Jumps to key frames, which is faster in long videos."""

    def __init__(self, path: str, num_threads: int = 1) -> None:
        import decord

        self.path, self.errors = path, (decord.DECORDError, RuntimeError)
        try:
            self.video = decord.VideoReader(os.path.abspath(path), num_threads=num_threads)
        except self.errors as error:
            raise _no_video(path) if 'video stream' in str(error) else _broken(path, error) from error

    def __len__(self) -> int:
        return len(self.video)

    def read(self, indices: Sequence[int]) -> list[np.ndarray]:
        """As :meth:`VideoReader.read`.

        Raises:
            Fault: A frame cannot be decoded.
        """
        try:
            return list(self.video.get_batch(list(indices)).asnumpy())
        except self.errors as error:
            if 'size must exactly match' in str(error) and find_spec('av'):
                # decord 0.6 takes the padding of a row for a channel in videos narrower than 64 pixels
                return PyAVReader(self.path).read(indices)
            raise _broken(self.path, error) from error


READERS = {'decord': DecordReader, 'av': PyAVReader}


def choose_backend(backend: str = 'auto') -> str:
    """The backend of this name, or for ``'auto'`` the first of :data:`BACKENDS` that is installed.

    Raises:
        ValueError: The name is unknown.
        ImportError: It is not installed, or none is.
    """
    if backend not in ('auto', *BACKENDS):
        raise ValueError(f'backend={backend!r} is unknown: choose from auto, {", ".join(BACKENDS)}.')
    for name in BACKENDS if backend == 'auto' else (backend,):
        if find_spec(name):
            return name
    missing = ' or '.join(PACKAGES[name] for name in BACKENDS if backend in ('auto', name))
    raise ImportError(f'Reading videos needs {missing}, which is not installed.')


def open_video(path: str | os.PathLike, backend: str = 'auto', num_threads: int = 1) -> VideoReader:
    """Open a local video file.

    Args:
        path: The file.
        backend: ``'decord'``, ``'av'`` or ``'auto'``.
        num_threads: Threads that decode it.

    Raises:
        Fault: It is missing, empty, has no video stream or cannot be decoded.
        ImportError: The backend is not installed.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            head = file.read(2 * _TS_PACKET + 16)
    except (OSError, ValueError) as error:
        reason = f'There is no video {path}' if isinstance(error, FileNotFoundError) else str(error).rstrip('.')
        raise Fault(f'{reason}: get it, or take it off the list.', 'missing') from error
    if not head:
        raise Fault(f'{path} is empty (0 bytes): replace the file.', 'empty')
    if not is_container(head):
        raise _broken(str(path), 'it does not begin as a video file')
    return READERS[choose_backend(backend)](str(path), num_threads)
