"""How images become a batch, where the release does it in another order. Imports mmseg."""

from eva_mm.models.data_preprocessors.black_padding import BlackPadSegPreProcessor

__all__ = ['BlackPadSegPreProcessor']
