import numpy as np
import pytest
import torch
from mmcv.ops import bbox_overlaps

from eva_mm.compat.mmcv_ops.overlaps import box_areas, overlaps_with

BOXES_1 = torch.tensor([[0.0, 0, 10, 10], [10, 10, 20, 20], [32, 32, 38, 42]])
BOXES_2 = torch.tensor([[0.0, 0, 10, 20], [0, 10, 10, 19], [10, 10, 20, 20]])


@pytest.mark.parametrize(
    'mode, offset, expected',
    [
        ('iou', 0, [[0.5, 0, 0], [0, 0, 1], [0, 0, 0]]),
        ('iof', 0, [[1.0, 0, 0], [0, 0, 1], [0, 0, 0]]),
        ('iou', 1, [[121 / 231, 11 / 220, 1 / 241], [11 / 341, 10 / 221, 1], [0, 0, 0]]),
    ],
)
def test_by_hand(mode, offset, expected):
    torch.testing.assert_close(bbox_overlaps(BOXES_1, BOXES_2, mode, offset=offset), torch.tensor(expected))


def test_aligned_is_the_diagonal():
    for mode in ('iou', 'iof'):
        pairs = bbox_overlaps(BOXES_1, BOXES_2, mode, aligned=True, offset=1)
        torch.testing.assert_close(pairs, bbox_overlaps(BOXES_1, BOXES_2, mode, offset=1).diagonal())


def test_half_precision():
    expected = bbox_overlaps(BOXES_1, BOXES_2).half()
    assert torch.equal(bbox_overlaps(BOXES_1.half(), BOXES_2.half()), expected)


def test_empty():
    assert bbox_overlaps(torch.zeros(0, 4), BOXES_2).shape == (0, 3)


@pytest.mark.parametrize('offset', [0, 1])
def test_one_to_many_equals_the_matrix(offset):
    boxes = torch.rand(20, 4) * 30
    boxes[:, 2:] += boxes[:, :2]
    columns = boxes.T.numpy()
    areas = box_areas(columns, offset)
    row = overlaps_with(columns[:, 3], areas[3], columns, areas, offset)
    assert row.dtype == np.float32
    torch.testing.assert_close(torch.from_numpy(row), bbox_overlaps(boxes, boxes, offset=offset)[3])
