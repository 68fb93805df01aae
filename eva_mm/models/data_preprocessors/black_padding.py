"""Padding before normalisation, as the released segmentors are tested."""

from typing import Any

from mmseg.models import SegDataPreProcessor

from eva_mm.registry import MODELS


@MODELS.register_module()
class BlackPadSegPreProcessor(SegDataPreProcessor):
    """mmseg's preprocessor that pads test images with black pixels and normalises them after that.

    mmseg pads normalised images, so their padding has the mean colour. In training the release does the same.

    Args:
        kwargs: As for mmseg's ``SegDataPreProcessor``.
    """

    def forward(self, data: dict, training: bool = False) -> dict[str, Any]:
        """Images of a batch and their samples to ``dict(inputs, data_samples)``; inputs are (B, C, H, W)."""
        if training or not self._enable_normalize:
            return super().forward(data, training)
        self._enable_normalize = False
        try:
            batch = super().forward(data, training)
        finally:
            self._enable_normalize = True
        batch['inputs'] = (batch['inputs'] - self.mean) / self.std
        return batch
