import math

import pytest
import torch
from mmcv.ops import roi_pool
from torch.autograd import gradcheck

from eva_mm.compat.mmcv_ops import roi_pool as module


def by_definition(features, rois, size, scale):
    output = features.new_zeros(len(rois), features.size(1), *size)
    height, width = features.shape[2:]
    for n, (image, x1, y1, x2, y2) in enumerate(rois.tolist()):
        for i in range(size[0]):
            for j in range(size[1]):
                step_y, step_x = (y2 + 1 - y1) * scale / size[0], (x2 + 1 - x1) * scale / size[1]
                top, bottom = math.floor(i * step_y + y1 * scale), math.ceil((i + 1) * step_y + y1 * scale)
                left, right = math.floor(j * step_x + x1 * scale), math.ceil((j + 1) * step_x + x1 * scale)
                cell = features[int(image), :, max(top, 0) : max(bottom, 0), max(left, 0) : max(right, 0)]
                if cell.numel() and bottom > 0 and right > 0 and top < height and left < width:
                    output[n, :, i, j] = cell.flatten(1).amax(1)
    return output


@pytest.fixture
def rois():
    start = torch.rand(15, 2) * 40 - 6
    return torch.cat([torch.rand(15, 1).round(), start, start + torch.rand(15, 2) * 40], dim=1).double()


@pytest.mark.parametrize('scale', [0.25, 0.5])
@pytest.mark.parametrize('size', [(7, 5), (1, 1), (2, 3)])
def test_definition(rois, scale, size):
    features = torch.randn(2, 3, 11, 9, dtype=torch.double)
    assert torch.equal(roi_pool(features, rois, size, scale), by_definition(features, rois, size, scale))


def test_gradient(rois):
    features = torch.randn(2, 2, 5, 6, dtype=torch.double, requires_grad=True)
    assert gradcheck(lambda f: roi_pool(f, rois, (2, 3), 0.25), features)


def test_in_parts_is_the_same(rois, monkeypatch):
    features = torch.randn(2, 3, 11, 9, dtype=torch.double)
    whole = roi_pool(features, rois, (3, 3), 0.5)
    monkeypatch.setattr(module, 'VALUES_AT_ONCE', 1)
    assert torch.equal(roi_pool(features, rois, (3, 3), 0.5), whole)


def test_box_outside_and_no_boxes():
    features = torch.randn(1, 2, 4, 4, requires_grad=True)
    outside = roi_pool(features, torch.tensor([[0.0, 50, 50, 60, 60], [0, 3, 3, 0, 0]]), 2, 1.0)
    outside.sum().backward()
    assert not outside.any() and not features.grad.any()
    assert roi_pool(features, torch.zeros(0, 5), 2, 1.0).shape == (0, 2, 2, 2)
