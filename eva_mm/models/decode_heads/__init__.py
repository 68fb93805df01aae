"""What EVA's Mask2Former needs beyond mmsegmentation's."""

from eva_mm.models.decode_heads.mask2former_head import EVAMask2FormerHead

__all__ = ['EVAMask2FormerHead']
