"""The transformer block: attention and MLP, each added to the tokens."""

import torch
from torch import Tensor, nn

from eva_mm.layers.attention import Grid
from eva_mm.layers.checkpointing import WithCp, check_with_cp, run_checkpointed
from eva_mm.layers.layer_norm import LayerNorm, Norm
from eva_mm.layers.mlp import may_overwrite


class DropPath(nn.Module):
    """Stochastic depth (arXiv 1603.09382): in training drops a branch of a sample with probability ``rate``; others are
    divided by ``1 - rate``."""

    def __init__(self, rate: float = 0.0) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, x: Tensor) -> Tensor:
        """(B, ...) to (B, ...)."""
        if self.rate == 0.0 or not self.training:
            return x
        shape = (len(x),) + (1,) * (x.ndim - 1)
        if torch.compiler.is_compiling():
            # a number that an operation takes is compiled in, once for each block; one that is compared is an input
            keep = (torch.rand(shape, device=x.device) >= self.rate).to(x.dtype)
        else:
            keep = x.new_empty(shape).bernoulli_(1 - self.rate)
        return x * keep.div_(1 - self.rate)

    def extra_repr(self) -> str:
        return f'rate={self.rate}'


class Block(nn.Module):
    """Pre-norm block: ``x + attn(norm1(x))``, then ``x + mlp(norm2(x))``.

    Args:
        dims: Channels C.
        attention, mlp: Called as ``attention(tokens, grid)`` and ``mlp(tokens)``; the block does not know their kinds.
        norm: Channels to a built normalisation.
        drop_path: Stochastic depth rate of both branches.
        layer_scale_init_value: Start of ``gamma_1`` and ``gamma_2``; ``None`` means that they do not exist.
        with_cp: Activation checkpointing, see :func:`eva_mm.layers.checkpointing.run_checkpointed`.
    """

    def __init__(
        self,
        dims: int,
        attention: nn.Module,
        mlp: nn.Module,
        norm: Norm = LayerNorm,
        *,
        drop_path: float = 0.0,
        layer_scale_init_value: float | None = None,
        with_cp: WithCp = False,
    ) -> None:
        super().__init__()
        check_with_cp(with_cp)
        self.norm1, self.attn = norm(dims), attention
        self.norm2, self.mlp = norm(dims), mlp
        self.drop_path, self.with_cp = DropPath(drop_path), with_cp
        start = None if layer_scale_init_value is None else torch.full((dims,), float(layer_scale_init_value))
        self.gamma_1, self.gamma_2 = (None if start is None else nn.Parameter(start.clone()) for _ in range(2))

    def _branch(self, branch: Tensor, gamma: Tensor | None) -> Tensor:
        return self.drop_path(branch if gamma is None else gamma * branch)

    def _forward(self, x: Tensor, grid: Grid) -> Tensor:
        x = x + self._branch(self.attn(self.norm1(x), grid), self.gamma_1)
        branch = self._branch(self.mlp(self.norm2(x)), self.gamma_2)
        # the first sum belongs to this block, so without a gradient the second may overwrite it
        return x.add_(branch) if may_overwrite() else x + branch

    def forward(self, x: Tensor, grid: Grid) -> Tensor:
        """(B, N, C) to (B, N, C); ``grid`` is the shape of the patch tokens."""
        return run_checkpointed(self._forward, x, grid, with_cp=self.with_cp)


class PostNormBlock(Block):
    """Residual post-norm: ``x + norm1(attn(x))``, then ``x + norm2(mlp(x))``."""

    def _forward(self, x: Tensor, grid: Grid) -> Tensor:
        x = x + self._branch(self.norm1(self.attn(x, grid)), self.gamma_1)
        return x + self._branch(self.norm2(self.mlp(x)), self.gamma_2)
