"""How near a result has to be to a golden number: always in proportion to it."""

import torch
from torch import Tensor


def assert_near(actual: Tensor, expected: Tensor, tolerance: float = 1e-5, name: str = '') -> None:
    """Assert that the largest difference is a small share of the largest value expected.

    An absolute tolerance would hide any error of a quantity that is itself small.

    Raises:
        AssertionError: Shapes differ, a value is not finite, or the share is above ``tolerance``.
    """
    assert actual.shape == expected.shape, f'{name} {tuple(actual.shape)} instead of {tuple(expected.shape)}'
    if expected.numel() == 0:
        return
    actual, expected = actual.detach().double(), expected.detach().double()
    size = expected.abs().max().item()
    difference = (actual - expected).abs().max().item()
    assert torch.isfinite(actual).all() and difference <= tolerance * size, (
        f'{name} differs by {difference:.3g}, {difference / max(size, 1e-300):.3g} of the largest value {size:.3g}; '
        f'at most {tolerance:g} is allowed'
    )
