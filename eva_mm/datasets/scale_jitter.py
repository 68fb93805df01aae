"""Sizes of the released detector: large-scale jitter for training, the longest side for testing.

The release uses detectron2, which resizes with Pillow. Pillow averages all pixels that fall into one when an image
shrinks; OpenCV, mmdet's default, takes the four nearest.
"""

import numpy as np
from mmdet.datasets.transforms import RandomCrop, Resize
from PIL import Image

from eva_mm.datasets.pillow_bgr import to_image, to_pixels
from eva_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PillowResize(Resize):
    """mmdet's ``Resize`` with Pillow's filters; the ratio of the sides is kept.

    The shorter side becomes the smaller number of ``scale`` unless the longer one would exceed the larger; halves are
    rounded up. Polygons are scaled exactly.

    Args:
        scale: Two bounds in pixels; equal ones bound the longest side.
        interpolation: A name of ``PIL.Image.Resampling``, in lower case.
    """

    def __init__(self, scale: tuple[int, int], interpolation: str = 'bilinear') -> None:
        super().__init__(scale=scale, keep_ratio=True, backend='pillow', interpolation=interpolation)
        self.resample = Image.Resampling[interpolation.upper()]

    def new_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that an image gets."""
        short, longest = min(self.scale), max(self.scale)
        ratio = short / min(height, width)
        sides = [height * ratio, width * ratio]
        sides[height >= width] = short
        if max(sides) > longest:
            ratio = longest / max(sides)
            sides = [side * ratio for side in sides]
        return int(sides[0] + 0.5), int(sides[1] + 0.5)

    def _resize_img(self, results: dict) -> None:
        height, width = results['img'].shape[:2]
        new_height, new_width = self.new_size(height, width)
        image = to_image(results['img']).resize((new_width, new_height), self.resample)
        results.update(
            img=to_pixels(image),
            img_shape=(new_height, new_width),
            scale_factor=(new_width / width, new_height / height),
            keep_ratio=True,
        )

    def _resize_masks(self, results: dict) -> None:
        if results.get('gt_masks') is not None:
            results['gt_masks'] = results['gt_masks'].resize(results['img_shape'])

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale}, interpolation={self.interpolation!r})'


@TRANSFORMS.register_module()
class ScaleJitter(PillowResize):
    """Resize to fit into ``scale`` times a factor drawn uniformly; sides are rounded to the nearest number of pixels.

    Args:
        scale: Width and height in pixels.
        ratio_range: Least and largest factor.
        interpolation: As for :class:`PillowResize`.
    """

    def __init__(
        self,
        scale: tuple[int, int],
        ratio_range: tuple[float, float] = (0.1, 2.0),
        interpolation: str = 'bilinear',
    ) -> None:
        super().__init__(scale, interpolation)
        self.ratio_range = tuple(ratio_range)

    def _draw(self) -> float:
        return np.random.uniform(*self.ratio_range)

    def new_size(self, height: int, width: int) -> tuple[int, int]:
        """Height and width that an image gets; another draw each time."""
        factor = self._draw()
        ratio = min(self.scale[1] * factor / height, self.scale[0] * factor / width)
        # an image far from square may shrink to nothing
        return max(int(np.round(height * ratio)), 1), max(int(np.round(width * ratio)), 1)

    def __repr__(self) -> str:
        return f'{type(self).__name__}(scale={self.scale}, ratio_range={self.ratio_range})'


@TRANSFORMS.register_module()
class FixedSizeCrop(RandomCrop):
    """mmdet's ``RandomCrop`` to at most ``crop_size``, whose place is one random number for both axes, as released.

    Args:
        crop_size: Width and height in pixels; a smaller image stays as it is.
        recompute_bbox: Take the boxes from the masks that are left, instead of clipping them.
    """

    def __init__(self, crop_size: tuple[int, int], recompute_bbox: bool = False) -> None:
        super().__init__(crop_size, 'absolute', allow_negative_crop=True, recompute_bbox=recompute_bbox)

    def _rand_offset(self, margin: tuple[int, int]) -> tuple[int, int]:
        share = np.random.uniform()
        return int(np.round(margin[0] * share)), int(np.round(margin[1] * share))
