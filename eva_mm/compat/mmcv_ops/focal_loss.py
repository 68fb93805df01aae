"""Focal loss (Lin et al., arXiv 1708.02002) with a sigmoid per class, and with a softmax.

``weight`` holds a factor per class, or nothing. A target outside the classes means background: it has no factor.
"""

import torch
from torch import Tensor

from .precision import widen

__all__ = [
    'sigmoid_focal_loss_backward',
    'sigmoid_focal_loss_forward',
    'softmax_focal_loss_backward',
    'softmax_focal_loss_forward',
]

TINY = torch.finfo(torch.float32).tiny  # keeps the logarithm of a vanishing probability finite


def sigmoid_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` (n, classes) with the loss of logits ``input`` (n, classes) for class indices ``target`` (n,)."""
    chance, is_target = _sigmoid(input, target)
    hit = alpha * (1 - chance) ** gamma * chance.clamp(min=TINY).log()
    miss = (1 - alpha) * chance**gamma * (1 - chance).clamp(min=TINY).log()
    output.copy_(-torch.where(is_target, hit, miss) * _class_factor(weight, target, chance)[:, None])


def sigmoid_focal_loss_backward(
    input: Tensor, target: Tensor, weight: Tensor, grad_input: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``grad_input`` (n, classes) with the derivative of the loss by ``input``."""
    chance, is_target = _sigmoid(input, target)
    rest = 1 - chance
    hit = alpha * rest**gamma * (rest - gamma * chance * chance.clamp(min=TINY).log())
    miss = (1 - alpha) * chance**gamma * (gamma * rest * rest.clamp(min=TINY).log() - chance)
    grad_input.copy_(-torch.where(is_target, hit, miss) * _class_factor(weight, target, chance)[:, None])


def softmax_focal_loss_forward(
    input: Tensor, target: Tensor, weight: Tensor, output: Tensor, gamma: float, alpha: float
) -> None:
    """Fill ``output`` (n,) with the loss of probabilities ``input`` (n, classes); a negative target has none."""
    chance = _of_target(input, target)
    loss = -alpha * (1 - chance) ** gamma * chance.clamp(min=TINY).log()
    output.copy_((loss * _class_factor(weight, target, chance)).where(target >= 0, 0))


def softmax_focal_loss_backward(
    input: Tensor,
    target: Tensor,
    weight: Tensor,
    buff: Tensor,
    grad_input: Tensor,
    gamma: float,
    alpha: float,
) -> None:
    """Fill ``grad_input`` (n, classes) with the derivative of the loss by the logits behind ``input``."""
    chance = _of_target(input, target)
    rest = 1 - chance
    slope = gamma * rest ** (gamma - 1) * chance * chance.clamp(min=TINY).log() - rest**gamma
    slope = (alpha * slope * _class_factor(weight, target, chance)).where(target >= 0, 0)
    grad_input.copy_(slope[:, None] * (_one_hot(target, input.size(1)).float() - widen(input)))


def _sigmoid(input: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    return widen(input).sigmoid(), _one_hot(target, input.size(1))


def _one_hot(target: Tensor, num_classes: int) -> Tensor:
    return target[:, None] == torch.arange(num_classes, device=target.device)


def _of_target(input: Tensor, target: Tensor) -> Tensor:
    return widen(input).gather(1, target.clamp(min=0)[:, None])[:, 0]


def _class_factor(weight: Tensor, target: Tensor, like: Tensor) -> Tensor:
    if weight.numel() == 0:
        return like.new_ones(target.shape)
    known = (target >= 0) & (target < weight.numel())
    return widen(weight)[target.where(known, 0)].where(known, 1)
