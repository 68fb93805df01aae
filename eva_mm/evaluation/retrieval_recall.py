"""Finding texts for images and images for texts."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from torch import Tensor

from eva_mm.registry import METRICS


def recall(similarity: Tensor, relevant: Tensor, k: int) -> float:
    """Percentage of rows that have a relevant column among the k most similar ones.

    Args:
        similarity: (Q, N).
        relevant: (Q, N) bool.
        k: How many columns are looked at.
    """
    best = similarity.topk(min(k, similarity.shape[1]), dim=1).indices
    return 100 * relevant.gather(1, best).any(dim=1).double().mean().item()


@METRICS.register_module()
class RetrievalRecall(BaseMetric):
    """R@k from texts to images and from images to texts, in percent (arXiv 2103.00020, table 13).

    A text belongs to one image, an image may have several texts, any of which is right.

    Args:
        topk: Values of k.
        kwargs: As for mmengine's ``BaseMetric``.
    """

    default_prefix = 'retrieval'

    def __init__(self, topk: Sequence[int] = (1, 5, 10), **kwargs) -> None:
        super().__init__(**kwargs)
        self.topk = tuple(topk)

    def process(self, data_batch: object, data_samples: Sequence[dict]) -> None:
        """Keep ``image_feature`` (E,) and ``text_features`` (T_i, E), all of length 1, of every sample."""
        for sample in data_samples:
            self.results.append((sample['image_feature'].cpu(), sample['text_features'].cpu()))

    def compute_metrics(self, results: list[tuple[Tensor, Tensor]]) -> dict[str, float]:
        """``{'text-to-image R@1': percent, ..., 'image-to-text R@10': percent}``."""
        images = torch.stack([image for image, _ in results])
        texts = torch.cat([texts for _, texts in results])
        owner = torch.arange(len(results)).repeat_interleave(torch.tensor([len(texts) for _, texts in results]))
        relevant = owner[:, None] == torch.arange(len(results))
        similarity = texts @ images.T
        metrics = {f'text-to-image R@{k}': recall(similarity, relevant, k) for k in self.topk}
        return metrics | {f'image-to-text R@{k}': recall(similarity.T, relevant.T, k) for k in self.topk}
