"""Colour augmentation of clips, as the released video training has it."""

import random

import numpy as np
from PIL import Image
from torchvision.transforms import ColorJitter
from torchvision.transforms import functional as TF

from eva_mm.registry import TRANSFORMS

ADJUSTMENTS = (TF.adjust_brightness, TF.adjust_contrast, TF.adjust_saturation, TF.adjust_hue)


@TRANSFORMS.register_module()
class ClipColorJitter:
    """Change brightness, contrast, saturation and hue of the clip ``imgs``, in random order, with probability ``prob``.

    Args:
        prob: Probability; it is decided once for a clip.
        brightness, contrast, saturation: Factors are drawn from [1 - x, 1 + x].
        hue: Shift drawn from [-x, x] of the colour circle.
        per: ``'frame'`` draws anew for every frame, as released; the clip flickers. ``'clip'`` draws once.

    Raises:
        ValueError: ``per`` is neither ``'frame'`` nor ``'clip'``.
    """

    def __init__(
        self,
        prob: float = 0.8,
        brightness: float = 0.4,
        contrast: float = 0.4,
        saturation: float = 0.2,
        hue: float = 0.1,
        per: str = 'frame',
    ) -> None:
        if per not in ('frame', 'clip'):
            raise ValueError(f"per={per!r} is unknown: choose 'frame' (as released) or 'clip'.")
        self.prob = prob
        self.per = per
        self.jitter = ColorJitter(brightness, contrast, saturation, hue)

    def _draw(self) -> tuple:
        ranges = (self.jitter.brightness, self.jitter.contrast, self.jitter.saturation, self.jitter.hue)
        order, *amounts = ColorJitter.get_params(*ranges)
        return order, amounts

    @staticmethod
    def _apply(frame: np.ndarray, order: object, amounts: list) -> np.ndarray:
        image = Image.fromarray(frame)
        for index in order:
            if amounts[index] is not None:
                image = ADJUSTMENTS[index](image, amounts[index])
        return np.asarray(image)

    def __call__(self, results: dict) -> dict:
        """Change ``imgs``."""
        if random.random() < self.prob:
            drawn = self._draw()
            results['imgs'] = [
                self._apply(frame, *(self._draw() if self.per == 'frame' else drawn)) for frame in results['imgs']
            ]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob}, per={self.per!r}, {self.jitter})'


@TRANSFORMS.register_module()
class ClipGrayscale:
    """Turn a whole clip grey with probability ``prob``; frames keep three channels."""

    def __init__(self, prob: float = 0.2) -> None:
        self.prob = prob

    def __call__(self, results: dict) -> dict:
        """Change ``imgs``."""
        if random.random() < self.prob:
            results['imgs'] = [
                np.asarray(TF.to_grayscale(Image.fromarray(frame), num_output_channels=3)) for frame in results['imgs']
            ]
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(prob={self.prob})'
