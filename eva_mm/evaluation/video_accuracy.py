"""Top-k accuracy over the videos that could be read."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric

from eva_mm.registry import METRICS


@METRICS.register_module()
class VideoAccuracy(BaseMetric):
    """Top-k accuracy in percent, and the number of videos that were left out.

    Samples marked ``unreadable`` by ``eva_mm.EVAVideoDataset`` show another video than the list asked for and do not
    count. ``unreadable`` says how many there were: a published number has 0.

    Args:
        topk: Values of k.
        kwargs: As for mmengine's ``BaseMetric``.
    """

    default_prefix = 'acc'

    def __init__(self, topk: Sequence[int] = (1, 5), **kwargs) -> None:
        super().__init__(**kwargs)
        self.topk = tuple(topk)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep the rank of the right class; samples have ``pred_score`` (K,) and ``gt_label`` (1,)."""
        for sample in data_samples:
            score, label = sample['pred_score'], int(sample['gt_label'])
            # ties and nan count against the prediction
            rank = int((~(score < score[label])).sum()) - 1
            self.results.append(dict(rank=rank, unreadable=bool(sample.get('unreadable', False))))

    def compute_metrics(self, results: list[dict]) -> dict[str, float]:
        """``{'top1': percent, ..., 'unreadable': number}``.

        Raises:
            ValueError: No video could be read.
        """
        ranks = torch.tensor([result['rank'] for result in results if not result['unreadable']])
        if not len(ranks):
            raise ValueError(f'None of the {len(results)} videos could be read: check data_prefix and the list.')
        metrics = {f'top{k}': 100.0 * (ranks < k).double().mean().item() for k in self.topk}
        return {**metrics, 'unreadable': len(results) - len(ranks)}
