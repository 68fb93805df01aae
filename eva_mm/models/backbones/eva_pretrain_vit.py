"""EVA's masked image modelling encoder: hidden patches are replaced by a learned token."""

import torch
from torch import Tensor, nn

from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAPretrainViT(EVAViT):
    """:class:`EVAViT` whose masked patches become ``mask_token`` before positions are added (arXiv 2106.08254).

    Args:
        kwargs: As for :class:`EVAViT`; ``out_type`` is ``'raw'``.
    """

    checkpoint_task = 'pretrain'
    init_std = 0.015
    # unlike everywhere else in the release, the pre-training code cuts at one standard deviation
    init_cut = 0.015

    def __init__(self, **kwargs) -> None:
        super().__init__(**{'out_type': 'raw', **kwargs})
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))

    def _init_tokens(self) -> None:
        super()._init_tokens()
        self._trunc_normal(self.mask_token)

    def _init_module(self, module: nn.Module) -> None:
        super()._init_module(module)
        if module is self.patch_embed.proj:
            self._trunc_normal(module.weight)
            nn.init.zeros_(module.bias)

    def forward(self, images: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Encode images some of whose patches are hidden.

        Args:
            images: (B, 3, H, W).
            mask: (B, h, w) or (B, N) bool, true where a patch is hidden; N = h * w patches.

        Returns:
            Tokens after the final norm (B, 1 + N, C), and the mask as (B, N).
        """
        patches, grid = self.patch_embed(images)
        mask = mask.flatten(1).bool()
        patches = torch.where(mask.unsqueeze(-1), self.mask_token.to(patches.dtype), patches)
        return self.run_blocks(self.embed(patches, grid), grid)[-1], mask
