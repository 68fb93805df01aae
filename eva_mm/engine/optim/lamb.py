"""Layer-wise adaptive moments, as the released training of EVA-02-CLIP has them."""

import math
from collections.abc import Callable, Iterable

import torch
from torch import Tensor
from torch.optim import Optimizer

from eva_mm.registry import OPTIMIZERS


@OPTIMIZERS.register_module()
class LAMB(Optimizer):
    """Adam whose step on each tensor is scaled to the norm of the tensor (arXiv 1904.00962), as DeepSpeed computes it.

    The factor ``|w| / |update|`` is kept in ``trust_range`` and applies to every tensor, biases and norms too; it is 1
    where one of the norms is 0. The bias correction is a factor on the learning rate, so it does not enter the factor.
    mmpretrain's ``Lamb`` differs: no limits, no factor on tensors without weight decay, gradients clipped to norm 1.

    Args:
        params: Parameters or groups.
        lr: Learning rate.
        betas: Decay of the averages of the gradient and of its square.
        eps: Added to the root of the latter.
        weight_decay: Added to the update as ``weight_decay * w`` before it is scaled.
        trust_range: Limits of the factor.
    """

    def __init__(
        self,
        params: Iterable[Tensor] | Iterable[dict],
        lr: float,
        betas: tuple[float, float] = (0.9, 0.999),
        eps: float = 1e-8,
        weight_decay: float = 0.0,
        trust_range: tuple[float, float] = (0.01, 10.0),
    ) -> None:
        defaults = dict(lr=lr, betas=betas, eps=eps, weight_decay=weight_decay, trust_range=trust_range)
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
        state = self.state[weight]
        if not state:
            state.update(step=0, exp_avg=torch.zeros_like(weight), exp_avg_sq=torch.zeros_like(weight))
        state['step'] += 1
        first, second = group['betas']
        state['exp_avg'].lerp_(weight.grad, 1 - first)
        state['exp_avg_sq'].mul_(second).addcmul_(weight.grad, weight.grad, value=1 - second)
        update = state['exp_avg'] / (state['exp_avg_sq'].sqrt() + group['eps'])
        update.add_(weight, alpha=group['weight_decay'])
        norms = weight.norm(), update.norm()
        trust = (norms[0] / norms[1]).clamp(*group['trust_range'])
        trust = torch.where((norms[0] > 0) & (norms[1] > 0), trust, torch.ones_like(trust))
        correction = math.sqrt(1 - second ** state['step']) / (1 - first ** state['step'])
        weight.sub_(update * (trust * group['lr'] * correction))
