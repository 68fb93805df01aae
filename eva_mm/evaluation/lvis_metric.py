"""LVIS average precision with any number of detections per image."""

import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

from lvis import LVISEval, LVISResults
from mmdet.evaluation import LVISMetric
from mmengine.logging import MMLogger

from eva_mm.registry import METRICS

ITEMS = ('AP', 'AP50', 'AP75', 'APs', 'APm', 'APl', 'APr', 'APc', 'APf')


@METRICS.register_module()
class LVISMaxDetsMetric(LVISMetric):
    """mmdet's ``LVISMetric`` with the number of detections that LVIS itself fixes at 300.

    The release evaluates at 300 in training and at 1000 in the end. Masks are sized by their own area, not by that of
    their box, as the release does and mmdet does not.

    Args:
        max_dets: Detections per image that count, the best ones; -1 means all.
        kwargs: As for mmdet's ``LVISMetric``; ``metric`` is of ``'bbox'`` and ``'segm'``.

    Raises:
        ValueError: ``metric`` names something else, or ``max_dets`` is 0 or below -1.
    """

    def __init__(self, max_dets: int = 300, **kwargs) -> None:
        super().__init__(**kwargs)
        if not set(self.metrics) <= {'bbox', 'segm'}:
            raise ValueError(f"metric={self.metrics} is not supported: choose from 'bbox' and 'segm'.")
        if max_dets == 0 or max_dets < -1:
            raise ValueError(f'max_dets={max_dets} must be a number of detections, or -1 for all.')
        self.max_dets = max_dets

    def compute_metrics(self, results: list) -> dict[str, float]:
        """``<metric>_AP`` and so on, between 0 and 1; -1 where the file has no such objects."""
        predictions = [prediction for _, prediction in results]
        # labels follow the ids, whatever the order of the file
        self.cat_ids = sorted(self._lvis_api.get_cat_ids())
        self.img_ids = self._lvis_api.get_img_ids()
        scores = {}
        with tempfile.TemporaryDirectory() as folder:
            prefix = self.outfile_prefix or str(Path(folder) / 'results')
            files = self.results2json(predictions, prefix)
            if not self.format_only:
                for metric in self.metrics:
                    found = json.loads(Path(files[metric]).read_text())
                    scores.update(self._evaluate(found, metric))
        return scores

    def _evaluate(self, found: Sequence[dict], metric: str) -> dict[str, float]:
        if not found:
            MMLogger.get_current_instance().warning('Nothing was detected: LVIS AP is 0.')
            return {f'{metric}_{item}': 0.0 for item in ITEMS}
        if metric == 'segm':
            # lvis would take a detection's area from its box
            found = [{key: value for key, value in each.items() if key != 'bbox'} for each in found]
        detections = LVISResults(self._lvis_api, found, max_dets=self.max_dets)
        evaluation = LVISEval(self._lvis_api, detections, metric)
        evaluation.params.max_dets = self.max_dets
        evaluation.params.img_ids = self.img_ids
        evaluation.run()
        evaluation.print_results()
        return {f'{metric}_{item}': float(evaluation.get_results()[item]) for item in ITEMS}
