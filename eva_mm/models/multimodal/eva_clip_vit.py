"""The vision tower of EVA-CLIP."""

import torch
from torch import Tensor, nn

from eva_mm.models.backbones import EVAViT
from eva_mm.registry import MODELS


def drop_patches(x: Tensor, rate: float, num_extra_tokens: int = 1) -> Tensor:
    """Keep a random part of the patch tokens of each sample (FLIP, arXiv 2212.00794); at least one is kept.

    Args:
        x: (B, E + N, C), E = ``num_extra_tokens`` in front, which are all kept.
        rate: Share of the patch tokens to drop, in [0, 1).
        num_extra_tokens: Class tokens in front.

    Returns:
        (B, E + K, C) with K = max(1, int(N * (1 - rate))).
    """
    extra, patches = x[:, :num_extra_tokens], x[:, num_extra_tokens:]
    num_keep = max(1, int(patches.shape[1] * (1 - rate)))
    keep = torch.rand(patches.shape[:2], device=x.device).argsort(dim=1)[:, :num_keep]
    kept = patches.gather(1, keep.unsqueeze(-1).expand(-1, -1, patches.shape[-1]))
    return torch.cat((extra, kept), dim=1)


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

    def __init__(self, embed_dim: int, patch_dropout: float = 0.0, **kwargs) -> None:
        super().__init__(**{'out_type': 'cls_token', **kwargs})
        if not 0 <= patch_dropout < 1:
            raise ValueError(f'patch_dropout={patch_dropout} is no share in [0, 1): give for instance 0.5.')
        self.patch_dropout = patch_dropout
        self.head = nn.Linear(self.embed_dims, embed_dim)

    def forward(self, images: Tensor) -> Tensor:
        """Images (B, 3, H, W) to features (B, E), not normalised."""
        patches, grid = self.patch_embed(images)
        x = self.embed(patches, grid)
        if self.training and self.patch_dropout:
            x = drop_patches(x, self.patch_dropout, self.num_extra_tokens)
        return self.head(self.run_blocks(x, grid)[-1])
