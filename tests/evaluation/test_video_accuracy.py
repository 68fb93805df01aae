import pytest
import torch

from eva_mm.evaluation import VideoAccuracy


def evaluate(scores, labels, unreadable=(), topk=(1, 2)):
    metric = VideoAccuracy(topk=topk)
    metric.process(None, [
        dict(pred_score=torch.tensor(score), gt_label=torch.tensor([label]), unreadable=index in unreadable)
        for index, (score, label) in enumerate(zip(scores, labels))
    ])  # fmt: skip
    return metric.evaluate(len(scores))


SCORES = [[0.7, 0.2, 0.1], [0.3, 0.5, 0.2], [0.5, 0.3, 0.2], [0.1, 0.2, 0.7]]


def test_counts_the_rank_of_the_right_class():
    assert evaluate(SCORES, [0, 0, 2, 2]) == {'acc/top1': 50.0, 'acc/top2': 75.0, 'acc/unreadable': 0}


def test_unreadable_videos_do_not_count():
    assert evaluate(SCORES, [0, 0, 2, 2], unreadable={1, 2}) == {
        'acc/top1': 100.0, 'acc/top2': 100.0, 'acc/unreadable': 2
    }  # fmt: skip


def test_ties_and_nan_are_no_hits():
    assert evaluate([[0.5, 0.5, 0.0], [float('nan')] * 3], [0, 1])['acc/top1'] == 0


def test_nothing_readable_is_an_error():
    with pytest.raises(ValueError, match='None of the 4 videos could be read'):
        evaluate(SCORES, [0, 0, 2, 2], unreadable=range(4))
