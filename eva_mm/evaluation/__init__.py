"""Metrics. Only host-free modules are imported here."""

from eva_mm.evaluation.mim_loss import MIMLoss
from eva_mm.evaluation.retrieval_recall import RetrievalRecall
from eva_mm.evaluation.robustness_table import RobustnessTable
from eva_mm.evaluation.video_accuracy import VideoAccuracy
from eva_mm.evaluation.zero_shot_accuracy import ZeroShotAccuracy

__all__ = ['MIMLoss', 'RetrievalRecall', 'RobustnessTable', 'VideoAccuracy', 'ZeroShotAccuracy']
