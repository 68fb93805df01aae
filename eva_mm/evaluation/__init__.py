"""Metrics. Only host-free modules are imported here."""

from eva_mm.evaluation.mim_loss import MIMLoss
from eva_mm.evaluation.robustness_table import RobustnessTable
from eva_mm.evaluation.video_accuracy import VideoAccuracy

__all__ = ['MIMLoss', 'RobustnessTable', 'VideoAccuracy']
