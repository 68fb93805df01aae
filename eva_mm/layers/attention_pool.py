"""Read-out by attention: one learned query reads all tokens (arXiv 2106.04560, section 3)."""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from eva_mm.layers.layer_norm import LayerNorm, Norm


class AttentionPool(nn.Module):
    """``y + mlp(norm(y))``, where ``y`` is what the query ``latent`` (1, 1, C) reads with ``num_heads`` heads."""

    def __init__(self, dims: int, num_heads: int, mlp: nn.Module, norm: Norm = LayerNorm) -> None:
        super().__init__()
        self.num_heads = num_heads
        self.latent = nn.Parameter(torch.zeros(1, 1, dims))
        self.q = nn.Linear(dims, dims)
        self.kv = nn.Linear(dims, 2 * dims)
        self.proj = nn.Linear(dims, dims)
        self.norm = norm(dims)
        self.mlp = mlp

    def forward(self, x: Tensor) -> Tensor:
        """Tokens (B, N, C) to (B, C)."""
        q, k, v = (
            each.unflatten(-1, (self.num_heads, -1)).transpose(1, 2)
            for each in (self.q(self.latent).expand(x.shape[0], -1, -1), *self.kv(x).chunk(2, dim=-1))
        )
        y = self.proj(F.scaled_dot_product_attention(q, k, v).transpose(1, 2).flatten(2))
        return (y + self.mlp(self.norm(y)))[:, 0]
