"""Which frames of a video are looked at, and getting them."""

import numpy as np

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.video.reader import choose_backend, open_video
from eva_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class OpenVideo:
    """Open the file ``filename``; adds ``video_reader`` and ``total_frames``.

    Args:
        backend: ``'decord'``, ``'av'``, or ``'auto'``: decord if it is installed, else PyAV.
        min_frames: Videos of fewer frames are too short. A single frame is a cover picture more often than a video.
        num_threads: Threads that decode one video; the loader's workers are parallel already.

    Raises:
        Fault: On use: the file cannot be read or is too short.
    """

    def __init__(self, backend: str = 'auto', min_frames: int = 2, num_threads: int = 1) -> None:
        self.backend = choose_backend(backend)
        self.min_frames = min_frames
        self.num_threads = num_threads

    def __call__(self, results: dict) -> dict:
        """Add the reader to ``results``."""
        reader = open_video(results['filename'], self.backend, self.num_threads)
        if len(reader) < self.min_frames:
            raise Fault(
                f'{results["filename"]} has {len(reader)} frames, expected at least {self.min_frames}: replace the '
                'file, or lower min_frames.',
                'too short',
            )
        results.update(video_reader=reader, total_frames=len(reader))
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(backend={self.backend!r}, min_frames={self.min_frames})'


@TRANSFORMS.register_module()
class SampleSegments:
    """Cut a video into equal segments and take one frame of each (TSN, arXiv 1608.00859).

    Adds ``frame_inds`` (num_clips * clip_len numbers, clip by clip), ``clip_len``, ``num_clips`` and
    ``frame_interval`` as mmaction2's ``FormatShape`` expects them.

    Args:
        clip_len: Segments T, that is frames of a clip; ``None`` takes the ``num_frames`` of the data set.
        num_clips: Clips K of a video.
        random: Draw the frame within its segment; segments are ``frames // T`` long, and what is left at the end is
            never drawn. This is the release's training, and also its test with 4 clips, which therefore gives other
            numbers each time. Off: clip k of K takes the frame at ``(k + 1/2) / K`` of each segment, so K = 1 takes
            the centre as the release does with one clip, and two evaluations agree.

    Raises:
        ValueError: ``clip_len`` or ``num_clips`` is not positive; on use: neither it nor the data set tells T.
    """

    def __init__(self, clip_len: int | None = None, num_clips: int = 1, random: bool = False) -> None:
        if (clip_len is not None and clip_len < 1) or num_clips < 1:
            raise ValueError(f'clip_len={clip_len} and num_clips={num_clips} must be positive.')
        self.clip_len = clip_len
        self.num_clips = num_clips
        self.random = random

    @staticmethod
    def _draw(frames: int, segments: int) -> np.ndarray:
        length = frames // segments
        if length:
            return np.arange(segments) * length + np.random.randint(length, size=segments)
        # a video shorter than the clip: evenly spread, some frames twice
        return np.around(np.arange(segments) * frames / segments).clip(max=frames - 1)

    def _place(self, frames: int, segments: int) -> np.ndarray:
        share = (np.arange(self.num_clips)[:, None] + 0.5) / self.num_clips
        return (np.arange(segments) + share) * frames / segments

    def indices(self, frames: int, segments: int) -> np.ndarray:
        """Frame numbers (num_clips, segments) for a video of ``frames`` frames."""
        if self.random:
            chosen = np.stack([self._draw(frames, segments) for _ in range(self.num_clips)])
        else:
            chosen = self._place(frames, segments)
        return chosen.astype(np.int64)

    def __call__(self, results: dict) -> dict:
        """Add the frame numbers to ``results``."""
        clip_len = self.clip_len or results.get('num_frames')
        if clip_len is None:
            raise ValueError('SampleSegments has no clip_len: give it one, or give the data set num_frames.')
        results['frame_inds'] = self.indices(results['total_frames'], clip_len).ravel() + results.get('start_index', 0)
        results.update(clip_len=clip_len, num_clips=self.num_clips, frame_interval=None)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(clip_len={self.clip_len}, num_clips={self.num_clips}, random={self.random})'


@TRANSFORMS.register_module()
class DecodeFrames:
    """Read the frames ``frame_inds``; adds ``imgs`` (RGB uint8 arrays), ``img_shape`` and ``original_shape``.

    Raises:
        Fault: On use: a frame cannot be decoded.
    """

    def __call__(self, results: dict) -> dict:
        """Replace the reader in ``results`` by frames."""
        frames = results.pop('video_reader').read(results['frame_inds'].tolist())
        results.update(imgs=frames, img_shape=frames[0].shape[:2], original_shape=frames[0].shape[:2])
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}()'
