"""Heads for mmdet's segmentors of instances and panoptic scenes."""

from eva_mm.models.panoptic_heads.eomt_head import EoMTHead

__all__ = ['EoMTHead']
