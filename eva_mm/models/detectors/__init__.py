"""Detectors of mmdet with EVA's precision. Imports mmdet."""

from eva_mm.models.detectors.cascade_rcnn import EVACascadeRCNN
from eva_mm.models.detectors.mask_tta import MaskTTAModel

__all__ = ['EVACascadeRCNN', 'MaskTTAModel']
