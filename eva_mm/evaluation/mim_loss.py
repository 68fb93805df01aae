"""Validation of masked image modelling."""

from collections.abc import Sequence

from mmengine.evaluator import BaseMetric

from eva_mm.registry import METRICS


@METRICS.register_module()
class MIMLoss(BaseMetric):
    """Mean over images of the loss that :class:`eva_mm.EVAMIM` set on each: a negative cosine, the lower the better.

    Equals the released validation (mean over tokens) when all images have equally many hidden patches, as there.
    """

    default_prefix = 'mim'

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Collect ``mim_loss`` of every sample."""
        self.results.extend(sample['mim_loss'] for sample in data_samples)

    def compute_metrics(self, results: list[float]) -> dict[str, float]:
        """``{'loss': mean}``."""
        return {'loss': sum(results) / len(results)}
