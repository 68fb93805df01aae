"""Resizing tables of relative distances: knots whose steps grow away from distance 0, and a cubic spline as a matrix.

BEiT and EVA stretch tables so: near distances keep their values and far ones are spread over the larger window.
"""

import math

import torch
from torch import Tensor


def geometric_ratio(
    steps: int, span: float, low: float = 1.01, high: float = 1.5, tolerance: float = 1e-6
) -> float:
    """Ratio q with ``1 + q + ... + q ** (steps - 1) == span``, bisected in an interval; the defaults are those of the
    released loaders, of which the last midpoint counts."""
    ratio = low
    while high - low > tolerance:
        ratio = (low + high) / 2
        low, high = (low, ratio) if math.expm1(steps * math.log(ratio)) / (ratio - 1) > span else (ratio, high)
    return ratio


def geometric_knots(steps: int, ratio: float) -> Tensor:
    """Distances 0, 1, 1 + q, ... and their negatives, rising: (2 * steps + 1,) fp64."""
    distances = (ratio ** torch.arange(steps, dtype=torch.float64)).cumsum(0)
    return torch.cat((-distances.flip(0), distances.new_zeros(1), distances))


def cubic_spline_matrix(knots: Tensor, points: Tensor) -> Tensor:
    """Matrix that takes values at ``knots`` to the not-a-knot cubic spline's values at ``points``.

    It equals ``scipy.interpolate.interp1d(kind='cubic', fill_value='extrapolate')``: points outside the knots lie on
    the first or last cubic.

    Args:
        knots: (n,) rising, n >= 4.
        points: (m,).

    Returns:
        (m, n), fp64.

    Raises:
        ValueError: Fewer than 4 knots.
    """
    n = knots.numel()
    if n < 4:
        raise ValueError(f'A cubic spline needs at least 4 knots, got {n}.')
    knots, points = knots.double(), points.double()
    gaps = knots.diff()
    values = torch.eye(n, dtype=torch.float64)
    curvatures = _second_derivatives(gaps, values)
    piece = (torch.searchsorted(knots, points, right=True) - 1).clamp(0, n - 2)
    gap = gaps[piece][:, None]
    right = (points - knots[piece])[:, None] / gap
    left = 1 - right
    bend = (left**3 - left) * curvatures[piece] + (right**3 - right) * curvatures[piece + 1]
    return left * values[piece] + right * values[piece + 1] + gap**2 / 6 * bend


def _second_derivatives(gaps: Tensor, values: Tensor) -> Tensor:
    """Second derivatives at the knots: (n - 1,) and (n, c) to (n, c)."""
    n = values.shape[0]
    system = torch.zeros(n, n, dtype=torch.float64)
    target = torch.zeros_like(values)
    inner = torch.arange(1, n - 1)
    system[inner, inner - 1] = gaps[:-1]
    system[inner, inner] = 2 * (gaps[:-1] + gaps[1:])
    system[inner, inner + 1] = gaps[1:]
    slopes = values.diff(dim=0) / gaps[:, None]
    target[1:-1] = 6 * slopes.diff(dim=0)
    # not-a-knot: the third derivative is continuous at the second and at the last but one knot
    system[0, :3] = torch.stack((gaps[1], -gaps[0] - gaps[1], gaps[0]))
    system[-1, -3:] = torch.stack((gaps[-1], -gaps[-1] - gaps[-2], gaps[-2]))
    return torch.linalg.solve(system, target)
