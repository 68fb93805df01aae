"""The two rivals of EVA's pretext task: tokenised targets, and distillation without masks."""

from pathlib import Path

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from eva_mm.models.selfsup import MaskedFeatureHead
from eva_mm.registry import MODELS, TRANSFORMS


@MODELS.register_module()
class TokenisedFeatureHead(MaskedFeatureHead):
    """Classify the hidden patches into the code of a fixed codebook that the teacher's feature is nearest to.

    BEiT v2 (arXiv 2208.06366) learns such a codebook with the decoder of an autoencoder; here it is the result of
    spherical k-means over the teacher's features, see ``make_codebook.py``.

    Args:
        codebook: ``.pt`` file with a tensor (K, D) of unit length rows.
        kwargs: As for :class:`eva_mm.MaskedFeatureHead`; ``out_channels`` is K.

    Raises:
        FileNotFoundError: There is no codebook.
        ValueError: It has not ``out_channels`` codes.
    """

    def __init__(self, codebook: str, out_channels: int, **kwargs) -> None:
        super().__init__(out_channels=out_channels, **kwargs)
        if not Path(codebook).is_file():
            raise FileNotFoundError(f'There is no codebook {codebook}: make it with make_codebook.py.')
        codes = torch.load(codebook, weights_only=True)
        if len(codes) != out_channels:
            raise ValueError(f'{codebook} has {len(codes)} codes, the head {out_channels}: give both the same number.')
        self.register_buffer('codes', codes, persistent=False)

    def loss(self, tokens: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Cross entropy: tokens (B, 1 + N, C), teacher's features (B, N, D), mask (B, N)."""
        nearest = (target[mask].float() @ self.codes.T).argmax(dim=-1)
        return {'loss': F.cross_entropy(self(tokens, mask).float(), nearest)}


@MODELS.register_module()
class DistillationHead(MaskedFeatureHead):
    """Regress the teacher's features of all patches, by the same loss; nothing is hidden from the student."""

    def loss(self, tokens: Tensor, target: Tensor, mask: Tensor) -> dict[str, Tensor]:
        """Negative mean cosine similarity over all N patches; ``mask`` is not read."""
        return super().loss(tokens, target, torch.ones_like(mask))


@TRANSFORMS.register_module()
class NothingHidden:
    """Adds an empty ``mask`` (H, W).

    Args:
        grid_size: Patches along each side.
    """

    def __init__(self, grid_size: int = 16) -> None:
        self.grid_size = grid_size

    def __call__(self, results: dict) -> dict:
        """Set ``mask``."""
        results['mask'] = np.zeros((self.grid_size, self.grid_size), dtype=bool)
        return results
