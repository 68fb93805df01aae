import pytest
import torch

from eva_mm.evaluation import RetrievalRecall


def _evaluate(images, texts, **kwargs):
    metric = RetrievalRecall(**kwargs)
    metric.process({}, [dict(image_feature=image, text_features=rows) for image, rows in zip(images, texts)])
    return metric.evaluate(len(images))


def test_recall_by_hand():
    """Image 0 has two texts, one of which is nearer to image 1; image 2 is farthest from its own text."""
    images = torch.eye(3)
    texts = [
        torch.tensor([[0.9, 0.1, 0.0], [0.3, 0.6, 0.1]]),
        torch.tensor([[0.0, 0.8, 0.2]]),
        torch.tensor([[0.5, 0.4, 0.3]]),
    ]
    metrics = _evaluate(images, texts, topk=(1, 2, 3))
    assert metrics == {
        'retrieval/text-to-image R@1': 50.0,
        'retrieval/text-to-image R@2': 75.0,
        'retrieval/text-to-image R@3': 100.0,
        'retrieval/image-to-text R@1': pytest.approx(100.0),
        'retrieval/image-to-text R@2': 100.0,
        'retrieval/image-to-text R@3': 100.0,
    }


def test_fewer_candidates_than_k():
    metrics = _evaluate(torch.eye(2), [torch.eye(2)[:1], torch.eye(2)[:1]], topk=(10,))
    assert metrics['retrieval/text-to-image R@10'] == 100.0
