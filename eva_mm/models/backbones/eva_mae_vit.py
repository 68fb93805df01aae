"""EVA-L's pre-training model: an MAE encoder and decoder (arXiv 2111.06377) that regress CLIP features."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from eva_mm.layers import Attention, Block, LayerNorm, Mlp, resize_position_embedding, sincos_position_embedding
from eva_mm.layers.rotary import Kept
from eva_mm.models.backbones.arch_zoo import resolve_arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS

# the released decoder: 4 layers of width 512 with 16 heads
_DECODER = dict(embed_dims=512, num_layers=4, num_heads=16, feedforward_channels=2048)


def random_masking(noise: Tensor, mask_ratio: float) -> tuple[Tensor, Tensor]:
    """Keep the ``int(N * (1 - mask_ratio))`` patches with the least noise (B, N): indices by rising noise (B, K), and a
    mask (B, N), true where hidden."""
    keep = noise.argsort(dim=1)[:, : int(noise.shape[1] * (1 - mask_ratio))]
    return keep, torch.ones_like(noise, dtype=torch.bool).scatter_(1, keep, False)


@MODELS.register_module()
class EVAMAEViT(EVAViT):
    """Encodes the visible patches only; a small decoder sees the hidden ones as ``mask_token``.

    Positions of encoder and decoder are fixed sine-cosine tables, which the family needs, as it does a class token.

    Args:
        decoder_arch: As ``arch``; of its entries only the four sizes count.
        mask_ratio: Share of hidden patches, drawn per sample.
        kwargs: As for :class:`EVAViT`; ``out_type`` is ``'raw'``.
    """

    checkpoint_task = 'pretrain'
    variant = 'mae'
    one_output = True

    def __init__(self, decoder_arch: Mapping[str, Any] = _DECODER, mask_ratio: float = 0.75, **kwargs: Any) -> None:
        super().__init__(**{'out_type': 'raw', **kwargs})
        if self.pos_embed is None or self.cls_token is None:
            raise ValueError('EVAMAEViT needs a family with a class token and a table of positions.')
        decoder = resolve_arch(decoder_arch)
        dims, self.mask_ratio = decoder.embed_dims, mask_ratio
        self.pos_embed.requires_grad_(False)
        self.decoder_embed = nn.Linear(self.embed_dims, dims)
        self.mask_token = nn.Parameter(torch.zeros(1, 1, dims))
        self.decoder_pos_embed = nn.Parameter(torch.zeros(1, self.pos_embed.shape[1], dims), requires_grad=False)
        self.decoder_blocks = nn.ModuleList()
        for _ in range(decoder.num_layers):
            parts = Attention(dims, decoder.num_heads, qkv_bias='full'), Mlp(dims, decoder.feedforward_channels)
            self.decoder_blocks.append(Block(dims, *parts))
        self.decoder_norm = LayerNorm(dims)

    def _init_tokens(self) -> None:
        for table in (self.pos_embed, self.decoder_pos_embed):
            table.data.copy_(sincos_position_embedding(table.shape[-1], self.grid))
        for token in (self.cls_token, self.mask_token):
            nn.init.normal_(token, std=self.init_std)

    def _init_module(self, module: nn.Module) -> None:
        if isinstance(module, nn.Linear):
            nn.init.xavier_uniform_(module.weight)
            nn.init.zeros_(module.bias)
        elif module is self.patch_embed.proj:
            # initialised as the Linear that it is; its bias keeps torch's default
            nn.init.xavier_uniform_(module.weight.flatten(1))

    def _rescale_residual_outputs(self) -> None:
        """MAE does not rescale."""

    def encode(self, patches: Tensor, grid: tuple[int, ...], keep: Tensor) -> Tensor:
        """Visible patches to latent tokens: patches (B, N, C) and their kept indices (B, K) to (B, 1 + K, C)."""
        kept = Kept(grid, keep)
        return self.run_blocks(kept.take(self.embed(patches, grid), self.num_extra_tokens), kept)[-1]

    def decode(self, latent: Tensor, grid: tuple[int, ...], keep: Tensor) -> Tensor:
        """Latent tokens (B, 1 + K, C) and their indices to decoder tokens (B, 1 + N, D) in image order."""
        latent = self.decoder_embed(latent)
        positions = resize_position_embedding(self.decoder_pos_embed, self.grid, grid)
        x = self.mask_token.to(latent.dtype).expand(latent.shape[0], positions.shape[1] - 1, -1)
        visible = latent[:, self.num_extra_tokens :]
        x = x.scatter(1, keep.unsqueeze(-1).expand_as(visible), visible)
        x = torch.cat((latent[:, :1], x), dim=1) + positions
        for block in self.decoder_blocks:
            x = block(x, grid)
        return self.decoder_norm(x)

    def forward(self, images: Tensor, mask: Tensor | None = None, noise: Tensor | None = None) -> tuple[Tensor, Tensor]:
        """Encode what is visible of images (B, 3, H, W) and decode everything, to tokens (B, 1 + N, D) and the mask.

        ``mask``, (B, h, w) or (B, N), returned as (B, N) bool, is true where hidden, equally often in each sample;
        ``None`` draws it from ``noise`` (B, N), which is drawn if ``None``.
        """
        patches, grid = self.patch_embed(images)
        if mask is None:
            noise = torch.rand(patches.shape[:2], device=images.device) if noise is None else noise
            keep, mask = random_masking(noise, self.mask_ratio)
        else:
            mask = mask.flatten(1).bool()
            keep = (~mask).nonzero()[:, 1].view(mask.shape[0], -1)
        return self.decode(self.encode(patches, grid, keep), grid, keep), mask
