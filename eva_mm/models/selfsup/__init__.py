"""Masked image modelling as an mmpretrain algorithm."""

from eva_mm.models.selfsup.clip_teacher import CLIPTeacher
from eva_mm.models.selfsup.eva_mim import EVAMIM
from eva_mm.models.selfsup.frozen_teacher import FrozenTeacher
from eva_mm.models.selfsup.masked_feature_head import MaskedFeatureHead

__all__ = ['CLIPTeacher', 'EVAMIM', 'FrozenTeacher', 'MaskedFeatureHead']
