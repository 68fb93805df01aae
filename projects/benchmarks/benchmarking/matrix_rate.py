"""How much arithmetic a model does, in which matrix products, and how fast this machine does just these."""

from collections import Counter
from collections.abc import Callable

import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import FlopCounterMode

Product = tuple[int, int, int]


class _Products(TorchDispatchMode):
    """Counts the (m, k, n) of every product of two matrices, those inside batched attention excluded."""

    def __init__(self) -> None:
        super().__init__()
        self.counts: Counter[Product] = Counter()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if name in ('mm', 'addmm'):
            one, other = args[-2:]
            self.counts[(*one.shape, other.shape[1])] += 1
        return func(*args, **(kwargs or {}))


def arithmetic(step: Callable[[], object]) -> tuple[int, Counter[Product]]:
    """Floating point operations of a step on the meta device, a multiply-add being two, and its products."""
    with FlopCounterMode(display=False) as flops, _Products() as products:
        step()
    return flops.get_total_flops(), products.counts


class MatrixRate:
    """The products of a step and nothing else, each distinct one run once and counted as often as it occurs.

    Args:
        counts: Products (m, k, n) to how often they occur.
        device: Where they run.
        dtype: Of the matrices.
    """

    def __init__(self, counts: Counter[Product], device: str, dtype: torch.dtype) -> None:
        self.counts = counts
        self.flops = sum(2 * m * k * n * count for (m, k, n), count in counts.items())
        self.operands = {
            (m, k, n): (torch.rand(m, k, device=device, dtype=dtype), torch.rand(n, k, device=device, dtype=dtype).t())
            for m, k, n in counts
        }

    def seconds(self, timed: Callable[[Callable[[], object]], float]) -> float:
        """Time of all products of the step; ``timed`` runs a function and returns its seconds."""
        return sum(
            count * timed(lambda pair=self.operands[product]: torch.mm(*pair)) for product, count in self.counts.items()
        )
