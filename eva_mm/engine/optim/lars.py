"""Layer-wise adaptive rate scaling, as the linear probe of EVA has it."""

from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

from eva_mm.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class LARS(Optimizer):
    """SGD with momentum whose gradients are scaled to ``trust_coefficient * |w| / |g|`` (arXiv 1708.03888).

    Weights with one dimension are neither scaled nor decayed. The learning rate multiplies the momentum buffer as a
    whole, so a schedule acts on past gradients too. mmpretrain's ``LARS`` differs: it puts the learning rate into the
    buffer, decays outside of the scaled gradient's norm, and leaves out only what a config names.

    Args:
        params: Parameters or groups.
        lr: Learning rate.
        weight_decay: Added to the gradient as ``weight_decay * w`` before it is scaled.
        momentum: Of the buffer.
        trust_coefficient: Norm of the step by norm of the weight, at ``lr=1`` and without momentum.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict],
        lr: float,
        weight_decay: float = 0.0,
        momentum: float = 0.9,
        trust_coefficient: float = 0.001,
    ) -> None:
        defaults = dict(lr=lr, weight_decay=weight_decay, momentum=momentum, trust_coefficient=trust_coefficient)
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Tensor] | None = None) -> Tensor | None:
        """Make one step; return the loss of ``closure``, if there is one."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            for weight in group['params']:
                if weight.grad is not None:
                    self._update(weight, group)
        return loss

    def _update(self, weight: Tensor, group: dict) -> None:
        gradient = weight.grad
        if weight.ndim > 1:
            gradient = gradient.add(weight, alpha=group['weight_decay'])
            norms = weight.norm(), gradient.norm()
            scale = group['trust_coefficient'] * norms[0] / norms[1]
            gradient = gradient * torch.where((norms[0] > 0) & (norms[1] > 0), scale, torch.ones_like(scale))
        state = self.state[weight]
        buffer = state.setdefault('momentum_buffer', torch.zeros_like(weight))
        buffer.mul_(group['momentum']).add_(gradient)
        weight.sub_(buffer, alpha=group['lr'])
