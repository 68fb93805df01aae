import pytest
import torch

from eva_mm.models.necks import FrameNeck


def test_mean_of_the_frames():
    x = torch.randn(2, 8, 3, 4, 4)
    out, losses = FrameNeck()([x])
    assert losses == {} and out.shape == (2, 8, 1, 4, 4)
    torch.testing.assert_close(out[:, :, 0], (x[:, :, 0] + x[:, :, 1] + x[:, :, 2]) / 3)


def test_takes_one_map():
    with pytest.raises(ValueError, match='takes one map, the backbone gives 2'):
        FrameNeck()([torch.zeros(1), torch.zeros(1)])
