"""Activation checkpointing: recompute all of a part of the model in the backward pass, or only what is cheap."""

from collections.abc import Callable
from functools import partial
from typing import Any, Literal

import torch
from torch import Tensor
from torch.utils.checkpoint import CheckpointPolicy, checkpoint, create_selective_checkpoint_contexts

WithCp = bool | Literal['selective']

_aten = torch.ops.aten
_PRODUCTS = (_aten.mm.default, _aten.addmm.default)
# the kernels behind scaled_dot_product_attention; batched products are left out on purpose: where attention is written
# with them their results are N x N matrices
_ATTENTIONS = (
    _aten._scaled_dot_product_flash_attention.default,
    _aten._scaled_dot_product_efficient_attention.default,
    _aten._scaled_dot_product_cudnn_attention.default,
    _aten._scaled_dot_product_flash_attention_for_cpu.default,
)


def _policy(ctx: Any, op: Any, *args: Any, **kwargs: Any) -> CheckpointPolicy:
    """Keep what a linear layer or a fused attention computes; make everything else again."""
    if op in _PRODUCTS:
        inputs, outputs = args[-1].shape
        # the layer of a block that narrows ends its MLP: only the residual sum reads its result, and no gradient does
        return CheckpointPolicy.MUST_SAVE if outputs >= inputs else CheckpointPolicy.PREFER_RECOMPUTE
    return CheckpointPolicy.MUST_SAVE if op in _ATTENTIONS else CheckpointPolicy.PREFER_RECOMPUTE


def check_with_cp(with_cp: WithCp) -> None:
    """Refuse anything but the three ways of :func:`run_checkpointed` with a ``ValueError``."""
    if with_cp not in (False, True, 'selective'):
        raise ValueError(f"with_cp={with_cp!r} is unknown: choose False, True or 'selective' (keeps matrix products).")


def run_checkpointed(function: Callable[..., Tensor], *args: Any, with_cp: WithCp) -> Tensor:
    """``function(*args)``, whose activations need not stay until the backward pass. The gradients are the same.

    Of each token EVA's block of C channels and F hidden ones keeps 8 C + 2 F numbers without checkpointing, C with
    ``True``, which runs the whole forward pass again, and 6 C + F with ``'selective'`` (62 % in EVA-g), which repeats
    only normalisation, turns, activation and sums.

    Args:
        function: Part of a model.
        with_cp: ``False`` keeps everything, ``True`` only ``args``; ``'selective'`` keeps ``args`` and what linear
            layers and fused attention give. arXiv 2205.05198, whose word it is, recomputes unfused attention alone.
    """
    if not with_cp or not torch.is_grad_enabled():
        return function(*args)
    selective = {'context_fn': partial(create_selective_checkpoint_contexts, _policy)}
    options = selective if with_cp == 'selective' else {}
    return checkpoint(function, *args, use_reentrant=False, **options)
