import math

import pytest
import torch
from mmcv.ops import soft_nms

from tests.helpers.parity import assert_near

THRESHOLD = {'naive': 0.3, 'linear': 0.6, 'gaussian': 0.3}


@pytest.mark.parametrize('method', THRESHOLD)
@pytest.mark.parametrize('offset', [0, 1])
def test_golden(golden, method, offset):
    dets, kept = soft_nms(golden['boxes'], golden['scores'], THRESHOLD[method], method=method, offset=offset)
    expected_dets, expected = golden[f'soft_nms_{method}_{offset}']
    assert torch.equal(kept, expected)
    assert torch.equal(dets[:, :4], expected_dets[:, :4])
    assert_near(dets[:, 4], expected_dets[:, 4], 1e-6)


def one_by_one(boxes, scores, threshold, sigma, min_score, method, offset):
    """Soft-NMS as a list from which what has gone is replaced by the last; no vectors."""

    def overlap(a, b):
        width = max(0.0, min(a[2], b[2]) - max(a[0], b[0]) + offset)
        height = max(0.0, min(a[3], b[3]) - max(a[1], b[1]) + offset)
        areas = [(c[2] - c[0] + offset) * (c[3] - c[1] + offset) for c in (a, b)]
        return width * height / (sum(areas) - width * height)

    items = [[box, score, i] for i, (box, score) in enumerate(zip(boxes.tolist(), scores.tolist(), strict=True))]
    place = 0
    while place < len(items):
        best = max(range(place, len(items)), key=lambda i: (items[i][1], -i))
        items[place], items[best] = items[best], items[place]
        other = place + 1
        while other < len(items):
            value = overlap(items[place][0], items[other][0])
            if method == 'gaussian':
                items[other][1] *= math.exp(-value * value / sigma)
            elif value >= threshold:
                items[other][1] *= 0.0 if method == 'naive' else 1 - value
            if items[other][1] < min_score:
                items[other] = items[-1]
                items.pop()
            else:
                other += 1
        place += 1
    return [item[2] for item in items], [item[1] for item in items]


@pytest.mark.parametrize('method', THRESHOLD)
@pytest.mark.parametrize('offset', [0, 1])
@pytest.mark.parametrize('min_score', [0.0, 0.05, 0.4])
def test_definition(method, offset, min_score):
    corner = torch.rand(50, 2, dtype=torch.double) * 60
    boxes = torch.cat([corner, corner + 5 + torch.rand(50, 2) * 40], dim=1)
    scores = (torch.rand(50) * 20).round() / 20  # with ties
    dets, kept = soft_nms(boxes.float(), scores, 0.25, 0.4, min_score, method, offset)
    order, values = one_by_one(boxes.float(), scores, 0.25, 0.4, min_score, method, offset)
    assert kept.tolist() == order
    torch.testing.assert_close(dets[:, 4], torch.tensor(values), rtol=1e-5, atol=1e-6)
    assert torch.equal(dets[:, :4], boxes.float()[kept])


def test_first_box_stays_below_the_least_score():
    dets, kept = soft_nms(torch.tensor([[0.0, 0, 1, 1], [5, 5, 6, 6]]), torch.tensor([0.1, 0.2]), min_score=0.5)
    assert kept.tolist() == [1]
    torch.testing.assert_close(dets[:, 4], torch.tensor([0.2]))


def test_boxes_without_area_give_nan_in_the_gaussian_method():
    points = torch.tensor([[3.0, 1, 3, 1], [3, 1, 3, 1], [9, 9, 12, 12]])
    dets, kept = soft_nms(points, torch.tensor([0.9, 0.8, 0.7]), method='gaussian')
    assert kept.tolist() == [0, 1, 2]
    assert dets[:, 4].isnan().tolist() == [False, True, False]


def test_inputs_are_not_changed():
    boxes, scores = torch.rand(9, 4), torch.rand(9)
    before = boxes.clone(), scores.clone()
    soft_nms(boxes, scores, min_score=0.3)
    assert torch.equal(boxes, before[0]) and torch.equal(scores, before[1])


def test_no_boxes():
    dets, kept = soft_nms(torch.zeros(0, 4), torch.zeros(0))
    assert dets.shape == (0, 5) and kept.shape == (0,)
