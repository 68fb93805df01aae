"""The vision tower of EVA-CLIP."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from eva_mm.layers.rotary import Kept
from eva_mm.models.backbones import EVAViT
from eva_mm.registry import MODELS


def drop_patches(grid: tuple[int, ...], batch_size: int, rate: float, device: torch.device) -> Kept:
    """Draw the patches of each sample that are kept (FLIP, arXiv 2212.00794).

    Args:
        grid: Shape of the N patches.
        batch_size: Samples B.
        rate: Share of the patches to drop, in [0, 1).
        device: Where the indices lie.

    Returns:
        Indices (B, K) with K = max(1, int(N * (1 - rate))).
    """
    patches = math.prod(grid)
    num_keep = max(1, int(patches * (1 - rate)))
    return Kept(grid, torch.rand(batch_size, patches, device=device).argsort(dim=1)[:, :num_keep])


@MODELS.register_module()
class EVACLIPViT(EVAViT):
    """:class:`EVAViT` whose normed class token goes through a linear layer with bias, as in the released EVA-CLIP.

    Args:
        embed_dim: Channels E of the space that images and texts share.
        patch_dropout: Share of the patch tokens dropped in training, in [0, 1).
        kwargs: As for :class:`EVAViT`; ``out_type`` is ``'cls_token'``.

    Raises:
        ValueError: ``patch_dropout`` is out of range.
    """

    checkpoint_task = 'clip'
    out_types = ('cls_token', 'avg_featmap', 'attn_pool')
    one_output = True

    def __init__(self, embed_dim: int, patch_dropout: float = 0.0, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        if not 0 <= patch_dropout < 1:
            raise ValueError(f'patch_dropout={patch_dropout} is no share in [0, 1): give for instance 0.5.')
        self.patch_dropout = patch_dropout
        self.head = nn.Identity()
        if self.arch.projection != 'none':
            self.head = nn.Linear(self.embed_dims, embed_dim, bias=self.arch.projection == 'bias')
        elif embed_dim != self.embed_dims:
            raise ValueError(
                f'embed_dim={embed_dim} must be the width {self.embed_dims} of a family without projection.'
            )

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to features (B, E), not normalised."""
        patches, grid = self.patch_embed(images)
        x, place = self.embed(patches, grid), grid
        if self.training and self.patch_dropout:
            place = drop_patches(grid, len(x), self.patch_dropout, x.device)
            x = place.take(x, self.num_extra_tokens)
        return self.head(self.run_blocks(x, place)[-1])
