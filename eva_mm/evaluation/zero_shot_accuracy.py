"""Accuracy of classifiers made of words."""

from eva_mm.evaluation.video_accuracy import VideoAccuracy
from eva_mm.registry import METRICS


@METRICS.register_module()
class ZeroShotAccuracy(VideoAccuracy):
    """Top-1 and top-5 in percent of images or videos, and ``mean``, their average: what is published for Kinetics.

    Args:
        kwargs: As for :class:`eva_mm.VideoAccuracy`.
    """

    default_prefix = 'zero-shot'

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """``{'top1': percent, 'top5': percent, 'unreadable': number, 'mean': percent}``."""
        metrics = super().compute_metrics(results)
        return {**metrics, 'mean': sum(metrics[f'top{k}'] for k in self.topk) / len(self.topk)}
