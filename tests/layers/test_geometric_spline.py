import pytest
import torch

from eva_mm.layers.geometric_spline import cubic_spline_matrix

KNOTS = torch.tensor([-4.0, -1.5, -0.5, 0.0, 0.7, 2.0, 5.0])


def test_spline_goes_through_its_knots():
    matrix = cubic_spline_matrix(KNOTS, KNOTS)
    assert torch.allclose(matrix, torch.eye(7, dtype=torch.float64), atol=1e-12)


def test_spline_is_exact_for_cubics_even_beyond_the_knots():
    points = torch.linspace(-6, 8, 40, dtype=torch.float64)

    def cubic(x):
        x = x.double()
        return 2 - x + 0.3 * x**2 - 0.1 * x**3

    found = cubic_spline_matrix(KNOTS, points) @ cubic(KNOTS)
    assert torch.allclose(found, cubic(points), atol=1e-10)


def test_too_few_knots():
    with pytest.raises(ValueError, match='at least 4 knots, got 3'):
        cubic_spline_matrix(KNOTS[:3], KNOTS)
