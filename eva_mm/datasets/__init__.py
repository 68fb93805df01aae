"""Data sets, transforms and samplers. Only host-free modules are imported here."""

from eva_mm.datasets.masking import BlockwiseMask, EvenPatchMask
from eva_mm.datasets.video import DecodeFrames, EVAVideoDataset, OpenVideo, SampleSegments

__all__ = [
    'BlockwiseMask',
    'DecodeFrames',
    'EVAVideoDataset',
    'EvenPatchMask',
    'OpenVideo',
    'SampleSegments',
]
