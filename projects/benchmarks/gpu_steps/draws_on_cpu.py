"""The same random numbers on every device."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

_aten = torch.ops.aten
# what makes a tensor of random numbers, makes one like another, and fills one
_MADE = {_aten.rand, _aten.randn, _aten.randint, _aten.randperm}
_LIKE = {_aten.rand_like, _aten.randn_like, _aten.randint_like, _aten.bernoulli, _aten.multinomial, _aten.normal}
_FILLED = {_aten.bernoulli_, _aten.uniform_, _aten.normal_, _aten.exponential_, _aten.random_}


class DrawsOnCPU(TorchDispatchMode):
    """Draw on the CPU whatever a model draws on its device, and copy it there.

    Stochastic depth, masks and sampled points are then those of a run on the CPU, and two losses can be compared.
    Dropout inside fused kernels is not reached; no recipe of EVA has it.
    """

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs, kind = kwargs or {}, func.overloadpacket
        if kind in _MADE and kwargs.get('device') is not None and torch.device(kwargs['device']).type != 'cpu':
            return func(*args, **{**kwargs, 'device': 'cpu', 'pin_memory': False}).to(kwargs['device'])
        if kind in _LIKE and isinstance(args[0], torch.Tensor) and args[0].device.type != 'cpu':
            kwargs = {key: value for key, value in kwargs.items() if key != 'device'}
            return func(args[0].cpu(), *args[1:], **kwargs).to(args[0].device)
        if kind in _FILLED and args[0].device.type != 'cpu':
            others = (other.cpu() if isinstance(other, torch.Tensor) else other for other in args[1:])
            return args[0].copy_(func(torch.empty_like(args[0], device='cpu'), *others, **kwargs))
        return func(*args, **kwargs)
