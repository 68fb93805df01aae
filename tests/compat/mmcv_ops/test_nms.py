import ast

import pytest
import torch
from mmcv.ops import batched_nms, nms, nms_match


def same(result, expected):
    return all(torch.equal(a, b) for a, b in zip(result, expected, strict=True))


@pytest.fixture
def boxes():
    corner = torch.rand(80, 2) * 60
    return torch.cat([corner, corner + 5 + torch.rand(80, 2) * 40], dim=1)


def by_definition(boxes, scores, threshold, offset):
    """Keep a box unless a kept one of higher score overlaps it by more than the threshold."""
    kept = []
    for i in scores.argsort(descending=True, stable=True).tolist():
        x1, y1, x2, y2 = boxes[i]
        for j in kept:
            u1, v1, u2, v2 = boxes[j]
            shared = (min(x2, u2) - max(x1, u1) + offset).clamp(0) * (min(y2, v2) - max(y1, v1) + offset).clamp(0)
            area = (x2 - x1 + offset) * (y2 - y1 + offset) + (u2 - u1 + offset) * (v2 - v1 + offset)
            if shared / (area - shared) > threshold:
                break
        else:
            kept.append(i)
    return torch.tensor(kept)


@pytest.mark.parametrize('threshold', [0.3, 0.6])
@pytest.mark.parametrize('offset', [0, 1])
def test_golden(golden, threshold, offset):
    result = nms(golden['boxes'], golden['scores'], threshold, offset)
    assert same(result, golden[f'nms_{threshold}_{offset}'])


def test_golden_score_threshold_and_number(golden):
    result = nms(golden['boxes'], golden['scores'], 0.5, score_threshold=0.3, max_num=7)
    assert same(result, golden['nms_scorethr_maxnum'])


def test_golden_batched(golden):
    names = [name for name in golden if name.startswith('batched_')]
    assert len(names) == 8
    for name in names:
        agnostic = name.endswith('True')
        settings = dict(ast.literal_eval(name.removeprefix('batched_').removesuffix(str(agnostic))))
        result = batched_nms(golden['boxes'], golden['scores'], golden['idxs'], settings, agnostic)
        assert same(result, golden[name]), name


def test_golden_match(golden):
    dets = torch.cat([golden['boxes'], golden['scores'][:, None]], dim=1)
    groups = nms_match(dets, 0.5)
    assert [group.tolist() for group in groups] == [group.tolist() for group in golden['nms_match']]


@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('threshold', [0.1, 0.5, 0.9])
def test_definition(boxes, offset, threshold):
    scores = torch.rand(len(boxes))
    _, kept = nms(boxes, scores, threshold, offset)
    assert torch.equal(kept, by_definition(boxes, scores, threshold, offset))


@pytest.mark.parametrize('offset', [0, 1])
def test_overlap_equal_to_the_threshold_stays(offset):
    # These overlap by exactly 0.5, and by 0.3 in float32, which is more than 0.3 in double precision.
    half = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 5]]) - torch.tensor([0.0, 0, offset, offset])
    assert len(nms(half, torch.tensor([0.9, 0.8]), 0.5, offset)[1]) == 2
    third = torch.tensor([[0.0, 0, 10, 10], [0, 0, 10, 3]]) - torch.tensor([0.0, 0, offset, offset])
    assert len(nms(third, torch.tensor([0.9, 0.8]), 0.3, offset)[1]) == 2
    assert len(nms(third, torch.tensor([0.9, 0.8]), 0.29, offset)[1]) == 1


def test_equal_scores_in_the_order_of_torch():
    apart = torch.arange(40.0)[:, None] * 100 + torch.tensor([0.0, 0, 10, 10])
    scores = torch.arange(40.0).remainder(3)
    for offset in (0, 1):
        assert torch.equal(nms(apart, scores, 0.5, offset)[1], scores.sort(descending=True).indices)


def test_match_contains_every_box_once(boxes):
    groups = nms_match(torch.cat([boxes, torch.rand(80, 1)], dim=1), 0.4)
    assert sorted(torch.cat(groups).tolist()) == list(range(80))


@pytest.mark.parametrize('offset', [0, 1])
def test_no_boxes(offset):
    dets, kept = nms(torch.zeros(0, 4), torch.zeros(0), 0.5, offset)
    assert dets.shape == (0, 5) and kept.shape == (0,) and kept.dtype == torch.long


def test_numpy_and_gradients(boxes):
    scores = torch.rand(80)
    dets, kept = nms(boxes.numpy(), scores.numpy(), 0.5)
    assert torch.equal(torch.from_numpy(kept), nms(boxes.requires_grad_(), scores.requires_grad_(), 0.5, 0)[1])
