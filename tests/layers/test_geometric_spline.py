import pytest
import torch

from eva_mm.layers.geometric_spline import cubic_spline_matrix, distance_matrix, geometric_ratio

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


def test_through_few_knots_goes_the_polynomial():
    points = torch.linspace(-5, 6, 7)
    parabola = cubic_spline_matrix(KNOTS[[0, 2, 5]], points) @ (1 + KNOTS[[0, 2, 5]] ** 2).double()
    torch.testing.assert_close(parabola, (1 + points**2).double())
    assert torch.equal(cubic_spline_matrix(KNOTS[3:4], points), torch.ones(7, 1, dtype=torch.float64))


def test_the_ratio_is_the_released_one():
    """Bisected to 1e-6; the released loaders never look below 1.01."""
    ratio = geometric_ratio(13, 55)
    assert sum(ratio**i for i in range(13)) == pytest.approx(55, rel=1e-4)
    assert geometric_ratio(15, 10) == pytest.approx(1.01, abs=1e-6)


def test_stretched_distances_keep_the_centre_and_the_border():
    matrix = distance_matrix(8, 14)
    assert matrix.shape == (27, 15)
    found = matrix @ torch.arange(-7.0, 8).double()
    expected = torch.tensor([-7.0, -1, 0, 1, 7]).double()
    torch.testing.assert_close(found[[0, 12, 13, 14, 26]], expected, atol=1e-4, rtol=0)
    assert (found.diff() > 0).all()
