"""Data sets, transforms and samplers. Only host-free modules are imported here."""

from eva_mm.datasets.captioned_images import CaptionedImages
from eva_mm.datasets.guarded_samples import GuardedSamples
from eva_mm.datasets.masking import BlockwiseMask, EvenPatchMask
from eva_mm.datasets.merged.sampler import LeanSampler
from eva_mm.datasets.objectnet import ObjectNet
from eva_mm.datasets.own.class_folders import ClassFolders
from eva_mm.datasets.repeat_factor_sampler import RepeatFactorSampler
from eva_mm.datasets.robustness import CropBorder, RobustnessSet
from eva_mm.datasets.video import DecodeFrames, EVAVideoDataset, OpenVideo, SampleSegments

__all__ = [
    'BlockwiseMask',
    'CaptionedImages',
    'ClassFolders',
    'CropBorder',
    'DecodeFrames',
    'EVAVideoDataset',
    'EvenPatchMask',
    'GuardedSamples',
    'LeanSampler',
    'ObjectNet',
    'OpenVideo',
    'RepeatFactorSampler',
    'RobustnessSet',
    'SampleSegments',
]
