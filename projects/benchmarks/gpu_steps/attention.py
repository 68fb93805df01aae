"""Step 5: attention of EVA-g's width, in the forms between which eva_mm chooses or could choose.

Global attention with decomposed relative positions on grids of 64 x 64 and 80 x 80 tokens: extra channels through
torch's fused attention (and which kernel ran), the same with values padded to the width of the keys, and whole N x N
matrices; windows of 16 x 16 tokens on the same grids; and plain attention over the 4,097 tokens of a clip of 16 frames,
also with fp32 logits, as released.
"""

import argparse
import gc
from collections.abc import Callable, Iterator
from types import MethodType
from unittest import mock

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils._python_dispatch import TorchDispatchMode

from gpu_steps.recorder import Recorder

# channels, heads, sides of grids, side of a window, tokens of a clip, repetitions
SIZES = {'full': (1408, 16, (64, 80), 16, 4097, 10), 'nano': (96, 4, (8,), 4, 65, 2)}


class _Kernels(TorchDispatchMode):
    """Names the fused attention kernels that run."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        name = func.overloadpacket.__name__
        if 'scaled_dot_product' in name and 'backward' not in name:
            self.names.add(name.removeprefix('_scaled_dot_product_').removesuffix('_attention'))
        return func(*args, **(kwargs or {}))


def kernel_of(work: Callable[[], object]) -> str:
    """The fused attention that runs: ``efficient``, ``flash``, ``cudnn``, ...; ``none`` where matrices are whole."""
    with _Kernels() as kernels:
        work()
    return ', '.join(sorted(kernels.names)) or 'none'


def _attend_padded(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """As ``attend_fused``, with values as wide as keys: kernels that want equal widths can run."""
    dims = v.shape[-1]
    v = F.pad(v, (0, q.shape[-1] - dims))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=dims**-0.5)[..., :dims]


def forms(attention: nn.Module) -> Iterator[str]:
    """Puts an attention into its forms, one after the other, and names the one it is in."""
    from benchmarking.contenders import _attend_plainly

    from eva_mm.layers import attention as module

    relative = attention.rel_pos is not None
    yield 'extra channels' if relative else 'fused'
    if relative:
        with mock.patch.object(module, 'attend_fused', _attend_padded):
            yield 'extra channels, values padded'
    else:
        with mock.patch.object(attention, 'fp32', True):
            yield 'fp32 logits'
    attention._attend = MethodType(_attend_plainly, attention)
    yield 'whole matrices'
    del attention._attend


def cases(size: str) -> Iterator[tuple[str, Callable[[], nn.Module], tuple[int, ...]]]:
    """Name, attention and grid of each case."""
    from eva_mm.layers import Attention, WindowAttention
    from eva_mm.layers.relative_position import DecomposedRelativePosition

    dims, heads, sides, window, tokens, _ = SIZES[size]

    def relative(side: int) -> nn.Module:
        return DecomposedRelativePosition(dims // heads, (side, side))

    for side in sides:

        def whole(side: int = side) -> nn.Module:
            return Attention(dims, heads, relative_position=relative(side))

        yield f'global {side} x {side}', whole, (side, side)
    for side in sides:

        def windowed() -> nn.Module:
            return WindowAttention(dims, heads, window, relative_position=relative(window))

        yield f'windows of {window}, {side} x {side}', windowed, (side, side)
    yield f'video, {tokens} tokens', lambda: Attention(dims, heads), (tokens,)


def _steps(attention: nn.Module, x: Tensor, grid: tuple[int, ...]) -> dict[str, Callable[[], None]]:
    """A forward pass without gradients, and one with the backward pass."""

    def forward() -> None:
        with torch.no_grad():
            attention(x, grid)

    def train() -> None:
        attention(x, grid).sum().backward()
        attention.zero_grad(set_to_none=True)
        x.grad = None

    return {'forward': forward, 'train': train}


def _measure(step: Callable[[], object], device: str, repeats: int) -> dict[str, float]:
    from benchmarking.memory import peak_of
    from benchmarking.timing import timer

    step()
    timed = timer(device)
    return {'milliseconds': 1000 * min(timed(step) for _ in range(repeats)), 'peak_bytes': peak_of(step, device)}


def run(args: argparse.Namespace, recorder: Recorder) -> None:
    """Rows of every form, forward and with the backward pass, in bf16 on one image."""
    import eva_mm  # noqa: F401 - before any host

    repeats, device, dtype = SIZES[args.size][-1], args.device, torch.bfloat16
    for case, build, grid in cases(args.size):
        with recorder.case(case):
            attention = build().to(device, dtype)
            tokens = torch.Size(grid).numel()
            x = torch.randn(1, tokens, attention.proj.in_features, device=device, dtype=dtype, requires_grad=True)
            for form in forms(attention):
                for mode, step in _steps(attention, x, grid).items():
                    with recorder.case(case, form=form, mode=mode):
                        kernel = kernel_of(step)
                        recorder.add(case, form=form, mode=mode, kernel=kernel, **_measure(step, device, repeats))
                    gc.collect()
