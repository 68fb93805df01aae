"""Detectors of mmdet with EVA's precision. Imports mmdet."""

from eva_mm.models.detectors.cascade_rcnn import EVACascadeRCNN

__all__ = ['EVACascadeRCNN']
