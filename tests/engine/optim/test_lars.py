import torch

from eva_mm.engine import LARS
from tests.helpers.parity import assert_near


def test_steps_equal_the_released_optimizer(reference):
    data = reference('lars.pt')
    weights = [torch.nn.Parameter(data['inputs'][name].clone()) for name in ('weight', 'bias', 'zero')]
    optimizer = LARS(weights, **data['config'])
    for gradients, expected in zip(data['inputs']['grads'], data['outputs']['after_step'], strict=True):
        for weight, gradient in zip(weights, gradients, strict=True):
            weight.grad = gradient.clone()
        optimizer.step()
        for weight, after in zip(weights, expected, strict=True):
            assert_near(weight.data, after, 1e-6)


def test_the_learning_rate_acts_on_past_gradients():
    weight = torch.nn.Parameter(torch.ones(3))
    optimizer = LARS([weight], lr=1.0, momentum=0.5)
    weight.grad = torch.ones(3)
    optimizer.step()
    optimizer.param_groups[0]['lr'] = 0.0
    weight.grad = torch.ones(3)
    optimizer.step()
    assert torch.equal(weight.data, torch.zeros(3))


def test_weights_without_a_gradient_stay():
    weight = torch.nn.Parameter(torch.ones(2, 2))
    LARS([weight], lr=1.0).step()
    assert torch.equal(weight.data, torch.ones(2, 2))
