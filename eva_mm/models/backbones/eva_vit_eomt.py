"""EoMT: a plain ViT whose last blocks also hold the queries of a segmentor, without pixel or transformer decoder."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from eva_mm.layers.masked_queries import MaskMlp, Queried, QueryPosition, Upscale, UpscaleBlock, mask_attention
from eva_mm.layers.rotary import RotaryPosition
from eva_mm.models.backbones.arch_zoo import Arch
from eva_mm.models.backbones.eva_vit import EVAViT
from eva_mm.registry import MODELS


class Segments(NamedTuple):
    """What the queries of one block say.

    Attributes:
        queries: (B, Q, C), normalised; a linear layer in the head makes classes of them.
        masks: Logits (B, Q, h, w).
    """

    queries: Tensor
    masks: Tensor


@MODELS.register_module()
class EVAViTEoMT(EVAViT):
    """:class:`EVAViT` as encoder-only mask transformer (EoMT, arXiv 2503.19108), for any family of ``ARCH_ZOO``.

    Learned queries stand in front of the tokens of the last blocks. Before each of these the final norm and a mask
    module predict masks, and in training a query attends only to the patches of its own, with a probability that
    ``eva_mm.MaskAnnealingHook`` takes to 0. The probabilities are weights: a finished model predicts once, behind the
    last block, and attends without masks.

    Args:
        arch: As for :class:`EVAViT`; and so are ``kwargs``, but for ``out_indices`` and ``out_type``.
        num_queries: Q.
        num_query_blocks: How many blocks hold them.
        kwargs: Options of :class:`EVAViT`.

    Raises:
        ValueError: More query blocks than blocks, or ``out_indices`` is given.
    """

    checkpoint_task = 'segmentation'
    out_types = ('raw',)

    def __init__(
        self,
        arch: str | Mapping[str, Any] | Arch = 'base',
        img_size: int | Sequence[int] = 640,
        patch_size: int | Sequence[int] = 16,
        num_queries: int = 200,
        num_query_blocks: int = 4,
        **kwargs: Any,
    ) -> None:
        if kwargs.pop('out_indices', -1) != -1:
            raise ValueError('EVAViTEoMT reads all of its last blocks: leave out_indices out.')
        # what the attention is built from
        self.num_queries, self.num_query_blocks = num_queries, num_query_blocks
        super().__init__(arch, img_size, patch_size, **{'out_type': 'raw', **kwargs})
        if not 1 <= num_query_blocks <= self.num_layers:
            raise ValueError(f'num_query_blocks={num_query_blocks} must be between 1 and the {self.num_layers} blocks.')
        dims, patch = self.embed_dims, self._patch_size()
        self.query = nn.Embedding(num_queries, dims)
        self.mask_head = MaskMlp(dims)
        # to a quarter of the image's side, or what is nearest to it
        self.upscale_block = UpscaleBlock(dims, max(1, int(math.log2(max(patch))) - 2))
        self.register_buffer('attn_mask_probs', torch.ones(num_query_blocks))
        self._freeze()

    def _build_relative_position(self, index: int) -> nn.Module | None:
        own = super()._build_relative_position(index)
        if index < self.arch.num_layers - self.num_query_blocks:
            return own
        if isinstance(own, RotaryPosition):
            own = RotaryPosition(own.rotary, own.pairs * 4, own.num_extra_tokens + self.num_queries)
        return QueryPosition(own)

    def _patch_size(self) -> tuple[int, ...]:
        return self.patch_embed.patch_size  # type: ignore[return-value]

    def _init_tokens(self) -> None:
        super()._init_tokens()
        self.query.reset_parameters()

    def _init_module(self, module: nn.Module) -> None:
        super()._init_module(module)
        # as EoMT: torch's own initialisation, which overrules that of the linear layers
        if isinstance(module, (MaskMlp, Upscale)):
            for layer in module.children():
                layer.reset_parameters()  # type: ignore[operator]

    def get_layer_depth(self, param_name: str, prefix: str = '') -> tuple[int, int]:
        """As :meth:`EVAViT.get_layer_depth`, but by EoMT's rule: the embedding lies with the first block, and the last
        block with everything behind it, so that it has the full rate."""
        last = self.num_layers - 1
        return min(max(self._stage(param_name, prefix) - 1, 0), last), last + 1

    def segment(self, x: Tensor, grid: tuple[int, ...]) -> Segments:
        """Tokens (B, Q + E + N, C), not normalised, to what the queries say."""
        x = self.norm(x)
        queries, patches = x[:, : self.num_queries], x[:, self.num_queries + self.num_extra_tokens :]
        pixels = self.upscale_block(patches.transpose(1, 2).unflatten(2, grid))
        return Segments(queries, torch.einsum('bqc,bchw->bqhw', self.mask_head(queries), pixels))

    def _probabilities(self) -> list[Tensor | None]:
        """Of each query block; ``None`` where it needs no masks. In training each predicts, for its loss."""
        each = self.attn_mask_probs.unbind()
        if self.training:
            return list(each)
        return [one if number > 0 else None for one, number in zip(each, self.attn_mask_probs.tolist())]

    def _crop(self, segments: Segments, size: Sequence[int], grid: tuple[int, ...]) -> Segments:
        """Leave out of masks what lies in the padding of ``pad_to_patch``."""
        sides = (
            math.ceil(side * masks / (cells * patch))
            for side, masks, cells, patch in zip(size, segments.masks.shape[2:], grid, self._patch_size())
        )
        height, width = sides
        return segments._replace(masks=segments.masks[..., :height, :width])

    def forward(self, images: Tensor) -> tuple[Segments, ...]:  # type: ignore[override]
        """Images (B, 3, H, W) to what the queries say: before each masked block, and behind the last."""
        patches, grid = self.patch_embed(images)
        x, segments = self.embed(patches, grid), []
        for block in self.blocks[: -self.num_query_blocks]:
            x = block(x, grid)
        x = torch.cat((self.query.weight.expand(x.shape[0], -1, -1), x), dim=1)
        for block, probability in zip(self.blocks[-self.num_query_blocks :], self._probabilities()):
            mask = None
            if probability is not None:
                segments.append(self.segment(x, grid))
                mask = mask_attention(segments[-1].masks, grid, self.num_extra_tokens, probability)
            x = block(x, Queried(grid, mask))
        segments.append(self.segment(x, grid))
        return tuple(self._crop(each, images.shape[2:], grid) for each in segments)
