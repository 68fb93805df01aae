"""What EVA's segmentors need beyond mmsegmentation's."""

from eva_mm.models.decode_heads.eomt_seg_head import EoMTSegHead
from eva_mm.models.decode_heads.mask2former_head import EVAMask2FormerHead

__all__ = ['EVAMask2FormerHead', 'EoMTSegHead']
