import pytest
import torch

from eva_mm.evaluation import ZeroShotAccuracy


def test_mean_of_top_1_and_top_5():
    metric = ZeroShotAccuracy()
    scores = torch.eye(8)[0] + torch.arange(8) * 0.01
    # the order of the classes is 0, 7, 6, 5, 4, ...
    metric.process({}, [dict(pred_score=scores, gt_label=torch.tensor([label])) for label in (0, 7, 4, 1)])
    metrics = metric.evaluate(4)
    assert metrics['zero-shot/top1'] == 25.0 and metrics['zero-shot/top5'] == 75.0
    assert metrics['zero-shot/mean'] == pytest.approx(50.0)
