"""RandAugment pixel for pixel as timm has it."""

from collections.abc import Callable

import numpy as np
from PIL import Image, ImageEnhance, ImageOps

from eva_mm.datasets.pillow_bgr import to_image, to_pixels
from eva_mm.registry import TRANSFORMS

Colour = tuple[int, int, int]
# image, strength in 0..1, sign, colour of what comes into view
Operation = Callable[[Image.Image, float, int, Colour], Image.Image]


def _affine(image: Image.Image, matrix: tuple[float, ...], fill: Colour) -> Image.Image:
    return image.transform(
        image.size, Image.Transform.AFFINE, matrix, resample=Image.Resampling.BICUBIC, fillcolor=fill
    )


def _enhance(enhancer: Callable) -> Operation:
    # an image is at most blended to a tenth of itself
    return lambda image, s, sign, fill: enhancer(image).enhance(max(0.1, 1 + sign * 0.9 * s))


def _solarize_add(image: Image.Image, s: float, sign: int, fill: Colour) -> Image.Image:
    added = min(128, int(110 * s))
    table = [min(255, value + added) if value < 128 else value for value in range(256)]
    return image.point(table * 3)


def _posterize(image: Image.Image, s: float, sign: int, fill: Colour) -> Image.Image:
    # Pillow now refuses to keep 0 bits, which the strongest setting asks for: black
    mask = 256 - 2 ** (4 + int(4 * s))
    return image.point([value & mask for value in range(256)] * 3)


def _rotate(image: Image.Image, s: float, sign: int, fill: Colour) -> Image.Image:
    return image.rotate(sign * 30 * s, resample=Image.Resampling.BICUBIC, fillcolor=fill)


OPERATIONS: tuple[Operation, ...] = (
    lambda image, s, sign, fill: ImageOps.autocontrast(image),
    lambda image, s, sign, fill: ImageOps.equalize(image),
    lambda image, s, sign, fill: ImageOps.invert(image),
    _rotate,
    _posterize,
    lambda image, s, sign, fill: ImageOps.solarize(image, 256 - int(256 * s)),
    _solarize_add,
    _enhance(ImageEnhance.Color),
    _enhance(ImageEnhance.Contrast),
    _enhance(ImageEnhance.Brightness),
    _enhance(ImageEnhance.Sharpness),
    lambda image, s, sign, fill: _affine(image, (1, sign * 0.3 * s, 0, 0, 1, 0), fill),
    lambda image, s, sign, fill: _affine(image, (1, 0, 0, sign * 0.3 * s, 1, 0), fill),
    lambda image, s, sign, fill: _affine(image, (1, 0, sign * 0.45 * s * image.width, 0, 1, 0), fill),
    lambda image, s, sign, fill: _affine(image, (1, 0, 0, 0, 1, sign * 0.45 * s * image.height), fill),
)


@TRANSFORMS.register_module()
class PillowRandAugment:
    """RandAugment (arXiv 1909.13719) with timm's 15 operations that grow stronger, ``rand-mM-mstdS-inc1``.

    mmpretrain's ``RandAugment(policies='timm_increasing')`` has the same operations, magnitudes and odds, but OpenCV's
    bicubic kernel and pixel centres, which differ from Pillow's by one to three grey levels in the mean, and another
    blur behind ``Sharpness``.

    Args:
        magnitude: Mean strength, 0 to 10.
        magnitude_std: Its standard deviation; what is drawn is clipped to 0 to 10.
        num_operations: Operations drawn for an image, with replacement.
        prob: Probability that a drawn operation acts.
        fill: Red, green and blue of what comes into view; CLIP's mean.
    """

    def __init__(
        self,
        magnitude: float = 9,
        magnitude_std: float = 0.5,
        num_operations: int = 2,
        prob: float = 0.5,
        fill: Colour = (123, 117, 104),
    ) -> None:
        self.magnitude = magnitude
        self.magnitude_std = magnitude_std
        self.num_operations = num_operations
        self.prob = prob
        self.fill = tuple(fill)

    def __call__(self, results: dict) -> dict:
        """``img`` (H, W, 3) uint8 BGR to the same."""
        image = to_image(results['img'])
        for index in np.random.randint(len(OPERATIONS), size=self.num_operations):
            if np.random.rand() > self.prob:
                continue
            strength = np.clip(np.random.normal(self.magnitude, self.magnitude_std), 0, 10) / 10
            image = OPERATIONS[index](image, strength, np.random.choice((-1, 1)), self.fill)
        results['img'] = to_pixels(image)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(magnitude={self.magnitude}, magnitude_std={self.magnitude_std})'
