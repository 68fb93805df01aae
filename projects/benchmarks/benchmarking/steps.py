"""What is timed: a forward pass without gradients, or a training step."""

from collections.abc import Callable

import torch
from torch import Tensor, nn


def output_of(result: Tensor | tuple[Tensor, ...]) -> Tensor:
    """The features; every host's backbone returns them in a tuple, timm's bare."""
    return result[-1] if isinstance(result, (tuple, list)) else result


def make_step(model: nn.Module, images: Tensor, mode: str, optimizer: torch.optim.Optimizer | None = None) -> Callable:
    """A function without arguments that runs one step.

    Args:
        model: Maps images to features.
        images: (B, 3, H, W).
        mode: ``'forward'``, or ``'train'``: forward, backward of the mean square and, if given, the optimizer.
        optimizer: ``None`` leaves the update out.
    """
    # mmpretrain's backbones return nothing from train() and eval()
    model.train(mode == 'train')

    def forward() -> None:
        with torch.no_grad():
            model(images)

    def train() -> None:
        model.zero_grad(set_to_none=True)
        output_of(model(images)).float().square().mean().backward()
        if optimizer is not None:
            optimizer.step()

    return {'forward': forward, 'train': train}[mode]
