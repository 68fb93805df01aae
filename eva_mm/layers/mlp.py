"""Feed-forward nets; each names its last layer ``last``."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.layer_norm import Norm


def _may_overwrite(*layers: nn.Module) -> bool:
    """Whether outputs may be overwritten: neither a gradient nor a hook needs the values before the activation."""
    return not (torch.is_grad_enabled() or any(layer._forward_hooks for layer in layers))


class QuickGELU(nn.Module):
    """``x * sigmoid(1.702 x)``, OpenAI CLIP's approximation of GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * torch.sigmoid(1.702 * x)


ACTIVATIONS = {
    'gelu': nn.GELU,
    'gelu_tanh': partial(nn.GELU, approximate='tanh'),
    'quick_gelu': QuickGELU,
}


class Mlp(nn.Module):
    """Linear, activation, Linear; one dropout, after the second Linear.

    Args:
        dims: Channels C.
        hidden_dims: Channels between.
        drop: Dropout.
        act: A name of ``ACTIVATIONS``.
    """

    def __init__(self, dims: int, hidden_dims: int, drop: float = 0.0, act: str = 'gelu') -> None:
        super().__init__()
        self.fc1 = nn.Linear(dims, hidden_dims)
        self.act = ACTIVATIONS[act]()
        self.fc2 = nn.Linear(hidden_dims, dims)
        self.drop = nn.Dropout(drop)

    @property
    def last(self) -> nn.Module:
        return self.fc2

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        hidden = self.fc1(x)
        if isinstance(self.act, nn.GELU) and _may_overwrite(self.fc1):
            hidden = torch.ops.aten.gelu_(hidden, approximate=self.act.approximate)
        else:
            hidden = self.act(hidden)
        return self.drop(self.fc2(hidden))


def _gate(gate: Tensor, value: Tensor, overwrite: bool) -> Tensor:
    return F.silu(gate, inplace=True).mul_(value) if overwrite else F.silu(gate) * value


class SwiGLU(nn.Module):
    """``w3(ffn_ln(silu(w1 x) * w2 x))`` (arXiv 2002.05202); ``ffn_ln`` is the identity without ``norm``."""

    def __init__(self, dims: int, hidden_dims: int, drop: float = 0.0, norm: Norm | None = None) -> None:
        super().__init__()
        self.w1 = nn.Linear(dims, hidden_dims)
        self.w2 = nn.Linear(dims, hidden_dims)
        self.ffn_ln = norm(hidden_dims) if norm else nn.Identity()
        self.w3 = nn.Linear(hidden_dims, dims)
        self.drop = nn.Dropout(drop)

    @property
    def last(self) -> nn.Module:
        return self.w3

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        hidden = _gate(self.w1(x), self.w2(x), _may_overwrite(self.w1, self.w2))
        return self.drop(self.w3(self.ffn_ln(hidden)))


class PackedSwiGLU(nn.Module):
    """:class:`SwiGLU` whose first two layers are one, ``w12``: rows of the gate, then those of the value."""

    def __init__(self, dims: int, hidden_dims: int, drop: float = 0.0) -> None:
        super().__init__()
        self.w12 = nn.Linear(dims, 2 * hidden_dims)
        self.w3 = nn.Linear(hidden_dims, dims)
        self.drop = nn.Dropout(drop)

    @property
    def last(self) -> nn.Module:
        return self.w3

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        gate, value = self.w12(x).chunk(2, dim=-1)
        return self.drop(self.w3(_gate(gate, value, _may_overwrite(self.w12))))



def build_mlp(kind: str, dims: int, hidden_dims: int, drop: float = 0.0, norm: Norm | None = None) -> nn.Module:
    """A feed-forward net by the name of its kind.

    Args:
        kind: A name of ``ACTIVATIONS``, ``'swiglu'`` or ``'swiglu_packed'``.
        dims: Channels C.
        hidden_dims: Channels between.
        drop: Dropout after the last layer.
        norm: Normalisation of the gated values, ``'swiglu'`` alone.

    Raises:
        ValueError: Unknown kind, or one that has no such norm.
    """
    if norm and kind != 'swiglu':
        raise ValueError(f"mlp={kind!r} has no normalisation of gated values, only 'swiglu' has.")
    if kind == 'swiglu':
        return SwiGLU(dims, hidden_dims, drop, norm)
    if kind == 'swiglu_packed':
        return PackedSwiGLU(dims, hidden_dims, drop)
    if kind not in ACTIVATIONS:
        raise ValueError(f'mlp={kind!r} is unknown: choose from {", ".join(ACTIVATIONS)}, swiglu, swiglu_packed.')
    return Mlp(dims, hidden_dims, drop, kind)
