"""The robustness table of EVA: one network on ImageNet-1K's validation set and its variants."""

from collections.abc import Sequence

import torch
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log

from eva_mm.registry import METRICS

IMAGENET, REAL, OBJECTNET = 'imagenet-1k', 'imagenet-real', 'objectnet'
PROTOCOLS = ('released', 'any-label')
Hit = tuple[str, bool, bool]


@METRICS.register_module()
class RobustnessTable(BaseMetric):
    """Top-1 and top-5 of each :class:`eva_mm.RobustnessSet`, their average, and the gap to ImageNet-1K.

    A prediction is the best of the classes that a variant has: of 200 for ImageNet-A and ImageNet-R. ReaL is scored on
    ImageNet-1K's images (arXiv 2006.07159): any of its labels is right, images without any are left out. The average
    is that of ImageNet-1K and its variants without ObjectNet, as EVA's authors compare models.

    Args:
        protocol: What is right where an image has several labels, as in ObjectNet. ``'released'``: the first one only.
            ``'any-label'``: any of them.
        kwargs: As for mmengine's ``BaseMetric``.

    Raises:
        ValueError: Unknown ``protocol``.
    """

    default_prefix = 'robustness'

    def __init__(self, protocol: str = 'released', **kwargs) -> None:
        super().__init__(**kwargs)
        if protocol not in PROTOCOLS:
            raise ValueError(f'protocol={protocol!r} is unknown: choose from {", ".join(PROTOCOLS)}.')
        self.protocol = protocol

    def process(self, data_batch: dict, data_samples: Sequence[dict]) -> None:
        """Compare ``pred_score`` (K,) of every sample with its labels."""
        for sample in data_samples:
            best = _best_classes(sample['pred_score'], sample['candidates'])
            right = sample['labels'] if self.protocol == 'any-label' else sample['labels'][:1]
            hits = [_hit(sample['eval_set'], best, right)]
            if sample.get('real_labels'):
                hits.append(_hit(REAL, best, sample['real_labels']))
            # one entry for each sample: mmengine cuts what distributed samplers have added
            self.results.append(hits)

    def compute_metrics(self, results: list[list[Hit]]) -> dict[str, float]:
        """Percentages: ``{set}/top1`` and ``{set}/top5``, ``average`` and ``gap``; prints the table."""
        metrics, lines = {}, [f'{"":>16} images   top-1   top-5']
        every = [hit for hits in results for hit in hits]
        for name in dict.fromkeys(name for name, _, _ in every):
            hits = [hit[1:] for hit in every if hit[0] == name]
            top1, top5 = (100 * sum(column) / len(hits) for column in zip(*hits))
            metrics |= {f'{name}/top1': top1, f'{name}/top5': top5}
            lines.append(f'{name:>16} {len(hits):>6} {top1:>7.2f} {top5:>7.2f}')
        averaged = [name for name in metrics if name.endswith('/top1') and not name.startswith(OBJECTNET)]
        metrics['average'] = sum(metrics[name] for name in averaged) / max(len(averaged), 1)
        lines.append(f'{"average":>16} {"":>6} {metrics["average"]:>7.2f}   (of {len(averaged)}, without ObjectNet)')
        if f'{IMAGENET}/top1' in metrics:
            metrics['gap'] = metrics[f'{IMAGENET}/top1'] - metrics['average']
            lines.append(f'{"gap":>16} {"":>6} {metrics["gap"]:>7.2f}   (ImageNet-1K minus average)')
        print_log('\n'.join(lines), logger='current')
        return metrics


def _best_classes(scores: torch.Tensor, candidates: Sequence[int] | None) -> list[int]:
    """The 5 best classes (or all, if there are fewer), best first."""
    if candidates is None:
        return scores.topk(min(5, len(scores))).indices.tolist()
    chosen = torch.as_tensor(candidates, device=scores.device)
    return chosen[scores[chosen].topk(min(5, len(chosen))).indices].tolist()


def _hit(name: str, best: Sequence[int], right: Sequence[int]) -> Hit:
    return name, best[0] in right, not set(best).isdisjoint(right)
