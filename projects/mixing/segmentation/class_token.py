"""EVA whose maps come with their class token, as mmseg's DPT head wants them."""

from torch import Tensor

from eva_mm.models.backbones import EVAViT
from eva_mm.registry import MODELS


@MODELS.register_module()
class EVAViTWithClassToken(EVAViT):
    """:class:`EVAViT` with ``out_type='featmap'`` that returns pairs.

    Args:
        kwargs: As for :class:`EVAViT`, without ``out_type``.

    Raises:
        ValueError: The family has no class token.
    """

    def __init__(self, **kwargs) -> None:
        super().__init__(**kwargs, out_type='featmap')
        if not self.arch.cls_token:
            raise ValueError('The head wants class tokens, and this arch has none: choose another arch or head.')

    def readout(self, x: Tensor, grid: tuple[int, ...]) -> tuple[Tensor, Tensor]:
        """Tokens (B, 1 + N, C) to a map (B, C, *grid) and the class token (B, C)."""
        return super().readout(x, grid), x[:, 0]
