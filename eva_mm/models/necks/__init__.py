"""Necks; none imports a host."""

from eva_mm.models.necks.frame_neck import FrameNeck
from eva_mm.models.necks.simple_feature_pyramid import SimpleFeaturePyramid

__all__ = ['FrameNeck', 'SimpleFeaturePyramid']
