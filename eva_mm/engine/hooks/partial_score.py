"""Scores over the samples that could be read."""

from typing import Any

from mmengine.dist import all_gather_object
from mmengine.evaluator import BaseMetric
from mmengine.logging import print_log


def leave_out(loop: Any) -> None:
    """Let the metrics of an evaluation loop leave out the samples that ``eva_mm.GuardedSamples`` has replaced.

    A metric keeps one result for each sample, and mmengine collects them in the order of the data set. A metric with
    another number of results keeps them all, and a warning says so.

    Raises:
        ValueError: In evaluation, if no sample could be read.
    """
    dataset = loop.dataloader.dataset
    if not hasattr(dataset, 'replaced'):
        return
    for metric in getattr(getattr(loop, 'evaluator', None), 'metrics', ()):
        if not hasattr(metric, '_without_replaced'):
            metric._without_replaced = True
            _watch(metric, dataset)


def _watch(metric: BaseMetric, dataset: Any) -> None:
    evaluate, compute = metric.evaluate, metric.compute_metrics
    replaced: set[int] = set()

    def evaluate_all(size: int) -> dict:
        replaced.clear()
        replaced.update(*all_gather_object(dataset.replaced()))
        return evaluate(size)

    def compute_without(results: list) -> dict:
        if not replaced:
            return compute(results)
        if len(results) != len(dataset):
            print_log(
                f'{type(metric).__name__} keeps {len(results)} results for {len(dataset)} samples: the score holds '
                f'those that stand in for {len(replaced)} samples that could not be read.',
                'current',
                30,
            )
            return compute(results)
        kept = [result for index, result in enumerate(results) if index not in replaced]
        if not kept:
            raise ValueError(f'None of the {len(dataset)} samples of the evaluation could be read: check the data.')
        return compute(kept)

    metric.evaluate, metric.compute_metrics = evaluate_all, compute_without
