"""Resizing tables of relative distances, as BEiT's and EVA's loaders do: near distances keep their values, far ones are
spread over the larger window, by knots whose steps grow away from distance 0 and a cubic spline, which is a matrix."""

import math
from functools import lru_cache

import torch
from torch import Tensor


def geometric_knots(steps: int, ratio: float) -> Tensor:
    """Distances 0, 1, 1 + q, ... and their negatives, rising: (2 * steps + 1,) fp64."""
    distances = (ratio ** torch.arange(steps, dtype=torch.float64)).cumsum(0)
    return torch.cat((-distances.flip(0), distances.new_zeros(1), distances))


def geometric_ratio(steps: int, span: float) -> float:
    """Ratio q with ``1 + q + ... + q ** (steps - 1) == span``, bisected in (1.01, 1.5), to 1e-6, as in the releases."""
    low, high, ratio = 1.01, 1.5, 1.01
    while high - low > 1e-6:
        ratio = (low + high) / 2
        low, high = (low, ratio) if math.expm1(steps * math.log(ratio)) / (ratio - 1) > span else (ratio, high)
    return ratio


@lru_cache(maxsize=32)
def distance_matrix(side: int, new_side: int) -> Tensor:
    """Matrix (2 * new_side - 1, 2 * side - 1), fp64, from values at the relative distances along a side of so many
    tokens to those along another; beyond the old distances lies the value of the border."""
    if side == new_side:
        return torch.eye(2 * side - 1, dtype=torch.float64)
    knots = geometric_knots(side - 1, geometric_ratio(side - 1, new_side - 1))
    distances = torch.arange(1 - new_side, new_side, dtype=torch.float64)
    return cubic_spline_matrix(knots, distances.clamp(knots[0], knots[-1]))


def cubic_spline_matrix(knots: Tensor, points: Tensor) -> Tensor:
    """Matrix (m, n), fp64, from values at rising ``knots`` (n,) to the not-a-knot cubic spline's at ``points`` (m,).

    Points outside the knots lie on the first or last cubic. Through fewer than four knots goes the polynomial.
    """
    n, knots, points = knots.numel(), knots.double(), points.double()
    if n < 4:
        powers = torch.arange(n)
        return (points[:, None] ** powers) @ torch.linalg.inv(knots[:, None] ** powers)
    gaps, values = knots.diff(), torch.eye(n, dtype=torch.float64)
    curvatures = _second_derivatives(gaps, values)
    piece = (torch.searchsorted(knots, points, right=True) - 1).clamp(0, n - 2)
    gap = gaps[piece][:, None]
    right = (points - knots[piece])[:, None] / gap
    left = 1 - right
    bend = (left**3 - left) * curvatures[piece] + (right**3 - right) * curvatures[piece + 1]
    return left * values[piece] + right * values[piece + 1] + gap**2 / 6 * bend


def _second_derivatives(gaps: Tensor, values: Tensor) -> Tensor:
    """Second derivatives at the knots: (n - 1,) and (n, c) to (n, c)."""
    system, target = (torch.zeros(len(values), width, dtype=torch.float64) for width in values.shape)
    inner = torch.arange(1, len(values) - 1)
    system[inner, inner - 1] = gaps[:-1]
    system[inner, inner] = 2 * (gaps[:-1] + gaps[1:])
    system[inner, inner + 1] = gaps[1:]
    target[1:-1] = 6 * (values.diff(dim=0) / gaps[:, None]).diff(dim=0)
    # not-a-knot: the third derivative is continuous at the second and at the last but one knot
    system[0, :3] = torch.stack((gaps[1], -gaps[0] - gaps[1], gaps[0]))
    system[-1, -3:] = torch.stack((gaps[-1], -gaps[-1] - gaps[-2], gaps[-2]))
    return torch.linalg.solve(system, target)
