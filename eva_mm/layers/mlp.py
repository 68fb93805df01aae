"""Feed-forward nets: an activation between two linear layers, or a gated product."""

from functools import partial

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.layer_norm import Norm


class QuickGELU(nn.Module):
    """``x * sigmoid(1.702 x)``, OpenAI CLIP's approximation of GELU."""

    def forward(self, x: Tensor) -> Tensor:
        """Any shape."""
        return x * torch.sigmoid(1.702 * x)


ACTIVATIONS = dict(gelu=nn.GELU, gelu_tanh=partial(nn.GELU, approximate='tanh'), quick_gelu=QuickGELU)


def may_overwrite(*layers: nn.Module) -> bool:
    """Whether nobody but the caller needs what layers give: no gradient, no trace and no hook."""
    recorded = torch.is_grad_enabled() or torch.jit.is_tracing()
    return not (recorded or any(layer._forward_hooks for layer in layers))


class Mlp(nn.Module):
    """Linear, activation (a name of ``ACTIVATIONS``), Linear; one dropout, after the second Linear."""

    def __init__(self, dims: int, hidden_dims: int, drop: float = 0.0, act: str = 'gelu') -> None:
        super().__init__()
        self.fc1 = nn.Linear(dims, hidden_dims)
        self.act = ACTIVATIONS[act]()
        self.fc2 = nn.Linear(hidden_dims, dims)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        hidden, act = self.fc1(x), self.act
        if isinstance(act, nn.GELU) and may_overwrite(self.fc1):
            act = partial(torch.ops.aten.gelu_, approximate=act.approximate)
        return self.drop(self.fc2(act(hidden)))


class SwiGLU(nn.Module):
    """``w3(norm(silu(gate) * value))`` (arXiv 2002.05202), then dropout.

    Gate and value come from ``w1`` and ``w2``, or, ``packed``, are the first and second half of what ``w12`` gives. The
    norm is ``ffn_ln``, or none.
    """

    def __init__(
        self, dims: int, hidden_dims: int, drop: float = 0.0, norm: Norm | None = None, packed: bool = False
    ) -> None:
        super().__init__()
        if packed:
            self.w12 = nn.Linear(dims, 2 * hidden_dims)
        else:
            self.w1, self.w2 = nn.Linear(dims, hidden_dims), nn.Linear(dims, hidden_dims)
        self.packed, self.ffn_ln = packed, norm(hidden_dims) if norm else nn.Identity()
        self.w3 = nn.Linear(hidden_dims, dims)
        self.drop = nn.Dropout(drop)

    def forward(self, x: Tensor) -> Tensor:
        """(..., C) to (..., C)."""
        layers = (self.w12,) if self.packed else (self.w1, self.w2)
        gate, value = self.w12(x).chunk(2, dim=-1) if self.packed else (self.w1(x), self.w2(x))
        hidden = F.silu(gate, inplace=True).mul_(value) if may_overwrite(*layers) else F.silu(gate) * value
        return self.drop(self.w3(self.ffn_ln(hidden)))


def build_mlp(kind: str, dims: int, hidden_dims: int, drop: float = 0.0, norm: Norm | None = None) -> nn.Module:
    """A feed-forward net: ``kind`` is a name of ``ACTIVATIONS``, ``'swiglu'`` or ``'swiglu_packed'``."""
    if kind in ('swiglu', 'swiglu_packed'):
        return SwiGLU(dims, hidden_dims, drop, norm, kind == 'swiglu_packed')
    if kind not in ACTIVATIONS:
        raise ValueError(f'mlp={kind!r} is unknown: choose from {", ".join(ACTIVATIONS)}, swiglu, swiglu_packed.')
    if norm:
        raise ValueError(f'mlp={kind!r} has no gated values that mlp_norm could normalise: choose swiglu.')
    return Mlp(dims, hidden_dims, drop, kind)
