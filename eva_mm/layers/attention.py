"""Multi-head self-attention as EVA has it, over a whole grid or inside windows.

Shape letters: B batch, N tokens, C channels, h heads, d channels of a head, (H, W) or (T, H, W) the grid.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.chunked_attention import attend_in_chunks
from eva_mm.layers.layer_norm import Norm
from eva_mm.layers.masked_queries import Queried
from eva_mm.layers.rotary import Kept
from eva_mm.layers.windows import window_partition, window_unpartition

Grid = tuple[int, ...] | Kept | Queried


def attend_fp32(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attention whose logits and softmax are fp32 whatever the dtype of the inputs.

    As the released pre-training, classification and video code: queries (B, h, N, d) are scaled in their own dtype, and
    probabilities are cast back before they meet the values. ``bias`` broadcasts to the logits (B, h, N, N).
    """
    with torch.autocast(q.device.type, enabled=False):
        logits = (q * v.shape[-1] ** -0.5).float() @ k.float().transpose(-2, -1)
        if bias is not None:
            logits = logits + bias.float()
        return logits.softmax(dim=-1).type_as(v) @ v


def attend_fused(q: Tensor, k: Tensor, v: Tensor, bias: Tensor | None) -> Tensor:
    """Attention by torch's fused kernels, scaled by the width of the values; queries and keys may be wider."""
    wider, dims = q.shape[-1] - v.shape[-1], v.shape[-1]
    if wider and v.device.type == 'cpu':
        # torch's CPU kernel that needs no N x N matrix wants equal widths
        v = F.pad(v, (0, wider))
    return F.scaled_dot_product_attention(q, k, v, attn_mask=bias, scale=dims**-0.5)[..., :dims]


def _chunks_pay(q: Tensor) -> bool:
    """On a CPU in fp32, and not while a graph is recorded, where a loop would unroll."""
    on_cpu = q.device.type == 'cpu' and q.dtype == torch.float32
    return on_cpu and not (torch.compiler.is_compiling() or torch.jit.is_tracing())


def _linear(layer: nn.Module, x: Tensor, bias: Tensor | None) -> Tensor:
    """A layer whose bias lies elsewhere: one product with it, unless something wraps or watches the layer."""
    if bias is None:
        return layer(x)
    if type(layer) is nn.Linear and not (layer._forward_hooks or layer._forward_pre_hooks or layer._backward_hooks):
        return F.linear(x, layer.weight, bias)
    out = layer(x)
    return out + bias.to(out.dtype)


class Attention(nn.Module):
    """Self-attention over all tokens.

    Args:
        dims, num_heads: Channels C, divisible by the heads h, else a ``ValueError`` is raised.
        qkv_bias: ``'qv'``: parameters ``q_bias`` and ``v_bias``; ``'full'``: of the layer, for keys too; ``'none'``.
        separate_qkv: Three layers ``q_proj``, ``k_proj`` and ``v_proj`` instead of ``qkv``.
        relative_position: Module ``(q, k, grid) -> (q, k, bias)``: it may turn queries and keys, append channels to
            them, or return a bias of the logits ``d ** -0.5 * q @ k.T``. Where chunks pay, :func:`attend_in_chunks` is
            given its ``terms(q, grid)`` instead, if it has them.
        norm: Normalisation of what all heads attended, before ``proj``; ``None``: none.
        fp32: Attend as :func:`attend_fp32`; else by torch's fused kernels. Equal in fp32.
        proj_drop: Dropout on the output.
    """

    def __init__(
        self,
        dims: int,
        num_heads: int,
        *,
        qkv_bias: str = 'qv',
        separate_qkv: bool = False,
        relative_position: nn.Module | None = None,
        norm: Norm | None = None,
        fp32: bool = False,
        proj_drop: float = 0.0,
    ) -> None:
        super().__init__()
        if dims % num_heads:
            raise ValueError(f'embed_dims={dims} cannot be split over num_heads={num_heads}: it must be divisible.')
        if qkv_bias not in ('none', 'qv', 'full'):
            raise ValueError(f"qkv_bias is {qkv_bias!r}, expected 'qv' (queries and values), 'none' or 'full'.")
        self.num_heads, self.fp32, full = num_heads, fp32, qkv_bias == 'full'
        if separate_qkv:
            self.q_proj, self.k_proj, self.v_proj = (nn.Linear(dims, dims, bias=full) for _ in range(3))
        else:
            self.qkv = nn.Linear(dims, 3 * dims, bias=full)
        self.q_bias, self.v_bias = (nn.Parameter(torch.zeros(dims)) if qkv_bias == 'qv' else None for _ in range(2))
        self.rel_pos = relative_position
        self.inner_attn_ln = norm(dims) if norm else nn.Identity()
        self.proj = nn.Linear(dims, dims)
        self.proj_drop = nn.Dropout(proj_drop)

    def _project(self, x: Tensor) -> tuple[Tensor, ...]:
        """(B, N, C) to queries, keys and values of the same shape."""
        q, v = self.q_bias, self.v_bias
        if not hasattr(self, 'qkv'):
            return _linear(self.q_proj, x, q), self.k_proj(x), _linear(self.v_proj, x, v)
        return _linear(self.qkv, x, None if q is None else torch.cat((q, torch.zeros_like(v), v))).chunk(3, dim=-1)

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, N, C) to (B, N, C); ``grid`` is the shape of the patch tokens, tokens in front excluded."""
        # not unflatten, whose batch becomes a constant in ONNX
        heads = self.num_heads, -1
        q, k, v = (each.view(*each.shape[:2], *heads).transpose(1, 2) for each in self._project(x))
        if hasattr(self.rel_pos, 'terms') and _chunks_pay(q):
            out = attend_in_chunks(q, k, v, self.rel_pos.terms(q, grid))
        else:
            q, k, bias = (q, k, None) if self.rel_pos is None else self.rel_pos(q, k, grid)
            out = (attend_fp32 if self.fp32 else attend_fused)(q, k, v, bias)
        return self.proj_drop(self.proj(self.inner_attn_ln(out.transpose(1, 2).flatten(2))))


class WindowAttention(Attention):
    """Self-attention inside square windows of ``window_size`` tokens a side; no tokens may stand in front.

    Grids that are not divisible by the window are padded at the bottom and right with zero tokens *after* the
    normalisation. They are not masked, as in the released detector: their key is zero and their value is the bias.
    """

    def __init__(self, dims: int, num_heads: int, window_size: int, **kwargs) -> None:
        super().__init__(dims, num_heads, **kwargs)
        self.window_size = window_size

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, H*W, C) to (B, H*W, C)."""
        windows = window_partition(x, grid, self.window_size)
        windows = super().forward(windows, (self.window_size, self.window_size))
        return window_unpartition(windows, grid, self.window_size)
