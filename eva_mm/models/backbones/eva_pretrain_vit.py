"""EVA's masked image modelling encoder: hidden patches are replaced by a learned token."""

import math
from typing import Any

import torch
from torch import Tensor, nn

from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAPretrainViT(EVAViT):
    """:class:`EVAViT` whose masked patches become ``mask_token`` before positions are added (arXiv 2106.08254).

    It starts from a normal distribution cut at one standard deviation (EVA), or from Xavier's, scaled up with the depth
    where MLPs have a norm (EVA-02).

    Args:
        kwargs: As for :class:`EVAViT`; ``out_type`` is ``'raw'``.
    """

    checkpoint_task = 'pretrain'
    variant = 'mim'
    one_output = True

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**{'out_type': 'raw', **kwargs})
        self.mask_token = nn.Parameter(torch.zeros(1, 1, self.embed_dims))
        self.xavier = self.arch.init == 'xavier'
        # unlike everywhere else in the releases, the pre-training code cuts at one standard deviation
        self.init_std = self.init_cut = 0.02 if self.xavier else 0.015

    def _init_tokens(self) -> None:
        super()._init_tokens()
        self._trunc_normal(self.mask_token)

    def _init_module(self, module: nn.Module) -> None:
        super()._init_module(module)
        is_patch = module is self.patch_embed.proj
        if self.xavier and is_patch:
            # initialised as the Linear that it is; its bias keeps torch's default
            nn.init.xavier_uniform_(module.weight.flatten(1))
        elif self.xavier and isinstance(module, nn.Linear):
            nn.init.xavier_normal_(module.weight)
        elif is_patch:
            self._trunc_normal(module.weight)
            if module.bias is not None:
                nn.init.zeros_(module.bias)

    @torch.no_grad()
    def _rescale_residual_outputs(self) -> None:
        if not self.xavier:
            return super()._rescale_residual_outputs()
        for block in self.blocks if self.arch.mlp_norm else ():
            for layer in (block.attn.v_proj, block.attn.proj, block.mlp.w1, block.mlp.w2, block.mlp.w3):
                layer.weight.mul_(math.sqrt(math.log(2 * self.num_layers)))

    def forward(self, images: Tensor, mask: Tensor) -> tuple[Tensor, Tensor]:
        """Images (B, 3, H, W), some of whose N patches are hidden where ``mask`` (B, h, w) or (B, N) is true, to tokens
        after the final norm (B, E + N, C) and the mask as (B, N) bool."""
        patches, grid = self.patch_embed(images)
        mask = mask.flatten(1).bool()
        patches = torch.where(mask.unsqueeze(-1), self.mask_token.to(patches.dtype), patches)
        return self.run_blocks(self.embed(patches, grid), grid)[-1], mask
