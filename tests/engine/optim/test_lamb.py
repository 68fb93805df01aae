import math

import pytest
import torch

from eva_mm.engine import LAMB

LIMITS = {'inside': (0.01, 10.0), 'below': (50.0, 60.0), 'above': (0.0, 0.001)}


@pytest.mark.parametrize('limits', LIMITS)
def test_steps_equal_the_formula(limits):
    """Sums in Python, number by number, of a matrix and of a bias that starts at 0."""
    lr, (first, second), eps, decay, (least, most) = 0.1, (0.9, 0.999), 1e-8, 0.05, LIMITS[limits]
    torch.manual_seed(0)
    weights = [torch.nn.Parameter(torch.randn(3, 2, dtype=torch.double)), torch.nn.Parameter(torch.zeros(2).double())]
    optimizer = LAMB(weights, lr, (first, second), eps, decay, LIMITS[limits])
    expected = [weight.detach().flatten().tolist() for weight in weights]
    moments = [[[0.0] * len(each) for _ in range(2)] for each in expected]
    for step in range(1, 4):
        for weight in weights:
            weight.grad = torch.randn_like(weight)
        for values, (mean, square), weight in zip(expected, moments, weights):
            gradient = weight.grad.flatten().tolist()
            for i, g in enumerate(gradient):
                mean[i] = first * mean[i] + (1 - first) * g
                square[i] = second * square[i] + (1 - second) * g * g
            update = [m / (math.sqrt(v) + eps) + decay * w for m, v, w in zip(mean, square, values)]
            ratio = math.hypot(*values) / math.hypot(*update)
            ratio = min(max(ratio, least), most) if any(values) else 1.0
            factor = lr * ratio * math.sqrt(1 - second**step) / (1 - first**step)
            values[:] = [w - factor * u for w, u in zip(values, update)]
        optimizer.step()
        for values, weight in zip(expected, weights):
            assert weight.flatten().tolist() == pytest.approx(values, rel=1e-12)


def test_weights_without_a_gradient_stay():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    LAMB([weight], lr=1.0).step()
    assert torch.equal(weight.data, torch.ones(2, 2))
