"""Memory and arithmetic of a training step, measured by running it on tensors without data.

Every tensor that an operation returns is followed until it is freed, so whatever the model is made of counts: trunk,
adapter, pyramid, heads, checkpointing. What a kernel allocates inside itself is not seen, nor what an allocator rounds
up. EVA's attention is CUDA's memory-efficient kernel.
"""

import weakref
from collections.abc import Callable, Sequence
from contextlib import nullcontext
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import flop_registry

from eva_mm.apis.planning.fake import fake_tensors

PRECISIONS = ('fp32', 'half', 'amp')

_aten = torch.ops.aten
_attention_flops = flop_registry[_aten._scaled_dot_product_efficient_attention]
# as in any MFU, what the backward pass of attention recomputes does not count
_FLOPS = flop_registry | {
    _aten._scaled_dot_product_efficient_attention_backward: (
        lambda grad, q, k, v, *args, out_val, **kwargs: 2 * _attention_flops(q, k, v, out_val=grad)
    ),
}
# a model's outputs, given a batch size
Step = Callable[[nn.Module, int], Sequence[Tensor]]


@dataclass(frozen=True)
class StepMemory:
    """What a forward and a backward pass hold beside weights and optimizer.

    Attributes:
        forward: Bytes held when the forward pass ends.
        kept: At each allocation of the backward pass, bytes of what the forward pass made and is still alive.
        working: At the same moments, bytes of what the backward pass made, gradients of parameters aside.
        gradients: At the same moments, numbers of the gradients of parameters made so far.
        forward_flops: Operations of the forward pass, two for each multiplication.
        flops: Operations of the whole step.
    """

    forward: float
    kept: np.ndarray
    working: np.ndarray
    gradients: np.ndarray
    forward_flops: float
    flops: float

    def peak(self, bytes_per_gradient: float) -> tuple[float, float, float]:
        """The most that is alive at a time: its bytes of the forward pass, of the backward pass, and of gradients."""
        gradients = self.gradients * bytes_per_gradient
        moment = int(np.argmax(self.kept + self.working + gradients))
        return float(self.kept[moment]), float(self.working[moment]), float(gradients[moment])


class LiveBytes(TorchDispatchMode):
    """Follows every storage that an operation returns, from then until it is freed, and counts arithmetic.

    Attributes:
        live: Bytes alive, by the phase that they were made in.
        phase: Under which new storages are counted.
        peak: Most bytes that were alive at a time.
        flops: Operations so far, two for each multiplication.
        on_growth: Called after each new storage.
    """

    def __init__(self, on_growth: Callable[[], None] | None = None) -> None:
        super().__init__()
        self.live: dict[str, int] = {}
        self.phase = 'all'
        self.peak = self.flops = 0
        self.on_growth = on_growth
        self._seen: set[int] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        own = {tensor.untyped_storage()._cdata for tensor in _tensors((args, kwargs))}
        out = func(*args, **(kwargs or {}))
        if formula := _FLOPS.get(func._overloadpacket):
            # FlopCounterMode would keep the tensors of checkpointed modules alive
            self.flops += formula(*args, **(kwargs or {}), out_val=out)
        for tensor in _tensors(out):
            storage = tensor.untyped_storage()
            if storage._cdata not in self._seen | own:
                self._follow(storage)
        return out

    def _follow(self, storage: torch.UntypedStorage) -> None:
        key, size, phase = storage._cdata, storage.nbytes(), self.phase
        self._seen.add(key)
        self.live[phase] = self.live.get(phase, 0) + size
        self.peak = max(self.peak, sum(self.live.values()))
        weakref.finalize(storage, self._release, key, size, phase)
        if self.on_growth:
            self.on_growth()

    def _release(self, key: int, size: int, phase: str) -> None:
        self._seen.discard(key)
        self.live[phase] -= size


def live_peak(work: Callable[[], object]) -> int:
    """Most bytes that the tensors made by ``work`` occupy at a time."""
    with LiveBytes() as mode:
        work()
    return mode.peak


def _tensors(tree: Any) -> list[Tensor]:
    return [leaf for leaf in tree_leaves(tree) if isinstance(leaf, Tensor)]


def _autocast(precision: str) -> Any:
    return torch.autocast('cpu', torch.bfloat16) if precision == 'amp' else nullcontext()


def dtype_of(precision: str) -> torch.dtype:
    """Of weights and images: half precision is bf16, since a CPU has more kernels for it than for fp16.

    Raises:
        ValueError: Unknown precision.
    """
    if precision not in PRECISIONS:
        raise ValueError(f'precision={precision!r} is unknown: choose from {", ".join(PRECISIONS)}.')
    return torch.bfloat16 if precision == 'half' else torch.float32


def _run(model: nn.Module, step: Step, batch_size: int, precision: str) -> StepMemory:
    # gradients are dropped as soon as they are complete: how they are kept depends on the ZeRO stage
    moments: list[tuple[int, int, int]] = []
    made = 0

    def note() -> None:
        if counter.phase == 'backward':
            moments.append((counter.live.get('forward', 0), counter.live.get('backward', 0), made))

    def drop(parameter: Tensor) -> None:
        nonlocal made
        made += parameter.numel()
        parameter.grad = None
        note()

    counter = LiveBytes(note)
    handles = [p.register_post_accumulate_grad_hook(drop) for p in model.parameters() if p.requires_grad]
    try:
        with counter:
            counter.phase = 'forward'
            with _autocast(precision):
                outputs = [out for out in step(model, batch_size) if out.requires_grad]
            forward, forward_flops = counter.live['forward'], counter.flops
            counter.phase = 'backward'
            if outputs:
                torch.autograd.backward(outputs, [torch.empty_like(out) for out in outputs])
    finally:
        for handle in handles:
            handle.remove()
    kept, working, gradients = np.array(moments or [(forward, 0, 0)], dtype=np.float64).T
    return StepMemory(forward, kept, working, gradients, forward_flops, counter.flops)


def measure_step(model: nn.Module, step: Step, batch_size: int, precision: str) -> StepMemory:
    """Run a forward and a backward pass without data; nothing is computed and hardly any memory is used.

    Args:
        model: On the meta device; it gets fake data.
        step: Runs the model's forward pass on a batch.
        batch_size: Samples on one device.
        precision: ``'fp32'``; ``'half'``, weights and activations in half precision (DeepSpeed); ``'amp'``, fp32
            weights under autocast.
    """
    # a fake tensor cannot change its dtype in place
    model = model.to(dtype_of(precision)).train()
    with fake_tensors():
        return _run(model.to_empty(device='cpu'), step, batch_size, precision)
