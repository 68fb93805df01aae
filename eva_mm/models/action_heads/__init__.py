"""Heads of action recognizers (mmaction2)."""

from eva_mm.models.action_heads.video_head import EVAVideoHead

__all__ = ['EVAVideoHead']
