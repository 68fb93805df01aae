"""Weans the queries of an EoMT from their masks in the course of training."""

from collections.abc import Sequence
from typing import Any

from mmengine.hooks import Hook
from torch import nn

from eva_mm.registry import HOOKS


@HOOKS.register_module()
class MaskAnnealingHook(Hook):
    """Takes the probability that a query obeys its mask from 1 to 0, block after block (arXiv 2503.19108).

    From its start to its end it is ``(1 - progress) ** power`` in each block. It lies in ``attn_mask_probs`` of
    ``eva_mm.EVAViTEoMT``, a buffer, so a checkpoint knows how far its model is: a finished one needs no masks.

    Args:
        spans: For each block with queries, the parts of the run, 0 to 1, at which it starts and ends. ``None``: block i
            of n from ``(i + 1) / (n + 2)`` to ``(i + 2) / (n + 2)``, so that masks rule alone at first and nowhere at
            last.
        power: Exponent of the decay.

    Raises:
        ValueError: A span is not within the run or ends before it starts; or, before training, the model has no
            ``attn_mask_probs`` or not as many blocks with queries as there are spans.
    """

    def __init__(self, spans: Sequence[Sequence[float]] | None = None, power: float = 0.9) -> None:
        for start, end in spans or ():
            if not 0 <= start < end <= 1:
                raise ValueError(f'spans={spans}: each must be (start, end) with 0 <= start < end <= 1.')
        self.spans, self.power = spans, power

    def _buffers(self, model: nn.Module) -> list[Any]:
        buffers = [part.attn_mask_probs for part in model.modules() if hasattr(part, 'attn_mask_probs')]
        if not buffers:
            kind = type(getattr(model, 'module', model)).__name__
            raise ValueError(f'MaskAnnealingHook found no eva_mm.EVAViTEoMT in {kind}: remove the hook.')
        return buffers

    def probabilities(self, progress: float, blocks: int) -> list[float]:
        """Of each block, when this part of the run, 0 to 1, is done."""
        spans = self.spans or [((i + 1) / (blocks + 2), (i + 2) / (blocks + 2)) for i in range(blocks)]
        if len(spans) != blocks:
            raise ValueError(f'MaskAnnealingHook has {len(spans)} spans for {blocks} blocks with queries.')
        parts = ((progress - start) / (end - start) for start, end in spans)
        return [(1 - min(max(part, 0.0), 1.0)) ** self.power for part in parts]

    def _set(self, runner: Any, done: int) -> None:
        for buffer in self._buffers(runner.model):
            buffer.copy_(buffer.new_tensor(self.probabilities(done / runner.max_iters, len(buffer))))

    def before_train(self, runner: Any) -> None:
        """Of the first iteration, of a resumed run too."""
        self._set(runner, runner.iter)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Of the next iteration."""
        self._set(runner, runner.iter + 1)
