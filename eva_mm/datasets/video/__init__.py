"""Videos: files, lists, sampling and augmentation. Nothing here imports a host."""

from eva_mm.datasets.video.dataset import EVAVideoDataset
from eva_mm.datasets.video.frames import DecodeFrames, OpenVideo, SampleSegments
from eva_mm.datasets.video.reader import UnreadableVideoError, open_video

__all__ = [
    'DecodeFrames',
    'EVAVideoDataset',
    'OpenVideo',
    'SampleSegments',
    'UnreadableVideoError',
    'open_video',
]
