import torch
import torch.nn.functional as F

from eva_mm.compat.mmcv_ops.bilinear import corners


def sample(plane, y, x):
    index, share = corners(torch.tensor(y), torch.tensor(x), *plane.shape)
    return (plane.flatten()[index] * share).sum(0)


def test_inside_equals_grid_sample():
    plane = torch.rand(5, 7)
    y, x = torch.rand(20) * 4, torch.rand(20) * 6
    index, share = corners(y, x, 5, 7)
    grid = torch.stack([x / 6, y / 4], dim=-1)[None, None] * 2 - 1
    expected = F.grid_sample(plane[None, None], grid, align_corners=True).flatten()
    torch.testing.assert_close((plane.flatten()[index] * share).sum(0), expected)


def test_border_holds_for_one_pixel_and_then_nothing():
    plane = torch.arange(6.0).view(2, 3) + 1
    assert sample(plane, -1.0, 0.0) == 1 and sample(plane, -1.01, 0.0) == 0
    assert sample(plane, 1.0, 3.0) == 6 and sample(plane, 1.0, 3.01) == 0
    assert sample(plane, 2.0, -0.5) == 4
