import pytest
import torch
import torch.nn.functional as F
from mmcv.ops import sigmoid_focal_loss, softmax_focal_loss
from torch.autograd import gradcheck
from torchvision.ops import sigmoid_focal_loss as of_torchvision

from eva_mm.compat.mmcv_ops import softmax_focal_loss_backward, softmax_focal_loss_forward


@pytest.fixture
def logits():
    return torch.randn(12, 5, dtype=torch.double) * 3


@pytest.fixture
def target():
    return torch.randint(0, 5, (12,))


@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.5, 0.6)])
def test_sigmoid_equals_torchvision(logits, target, gamma, alpha):
    target[:4] = 5  # background
    one_hot = F.one_hot(target, 6)[:, :5].double()
    expected = of_torchvision(logits, one_hot, alpha, gamma)
    torch.testing.assert_close(sigmoid_focal_loss(logits, target, gamma, alpha, None, 'none'), expected)
    torch.testing.assert_close(
        sigmoid_focal_loss(logits, target, gamma, alpha, None, 'mean'), expected.sum() / len(logits)
    )


def test_sigmoid_class_weight_is_that_of_the_target(logits, target):
    weight = torch.rand(5, dtype=torch.double)
    plain = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'none')
    torch.testing.assert_close(
        sigmoid_focal_loss(logits, target, 2.0, 0.25, weight, 'none'), plain * weight[target][:, None]
    )


def test_sigmoid_far_from_zero_is_finite(target):
    logits = torch.tensor([-200.0, -90, 0, 90, 200]).expand(12, 5).clone().requires_grad_()
    loss = sigmoid_focal_loss(logits, target, 2.0, 0.25, None, 'sum')
    loss.backward()
    assert loss.isfinite() and logits.grad.isfinite().all()


@pytest.mark.parametrize('gamma, alpha', [(2.0, 0.25), (1.5, 0.6)])
def test_softmax_formula(logits, target, gamma, alpha):
    chance = logits.softmax(1)[torch.arange(12), target]
    expected = -alpha * (1 - chance) ** gamma * chance.log()
    torch.testing.assert_close(softmax_focal_loss(logits, target, gamma, alpha, None, 'none'), expected)
    weight = torch.rand(5, dtype=torch.double)
    torch.testing.assert_close(
        softmax_focal_loss(logits, target, gamma, alpha, weight, 'sum'), (expected * weight[target]).sum()
    )


def test_softmax_ignores_negative_targets(logits, target):
    target[:3] = -1
    chance, loss, grad = logits.softmax(1), logits.new_zeros(12), torch.ones_like(logits)
    nothing = logits.new_zeros(0)
    softmax_focal_loss_forward(chance, target, nothing, loss, gamma=2.0, alpha=0.25)
    softmax_focal_loss_backward(chance, target, nothing, loss.clone(), grad, gamma=2.0, alpha=0.25)
    assert not loss[:3].any() and not grad[:3].any()
    assert loss[3:].all() and grad[3:].all()


@pytest.mark.parametrize('weighted', [False, True])
def test_gradients(logits, target, weighted):
    weight = torch.rand(5, dtype=torch.double) if weighted else None
    logits.requires_grad_()
    assert gradcheck(lambda x: sigmoid_focal_loss(x, target, 2.0, 0.25, weight, 'none'), logits)
    assert gradcheck(lambda x: softmax_focal_loss(x, target, 2.0, 0.25, weight, 'mean'), logits)
