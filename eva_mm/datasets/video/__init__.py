"""Videos: files, lists, sampling and augmentation. Nothing here imports a host."""

from eva_mm.datasets.video.dataset import EVAVideoDataset
from eva_mm.datasets.video.frames import DecodeFrames, OpenVideo, SampleSegments
from eva_mm.datasets.video.reader import open_video

__all__ = [
    'DecodeFrames',
    'EVAVideoDataset',
    'OpenVideo',
    'SampleSegments',
    'open_video',
]
