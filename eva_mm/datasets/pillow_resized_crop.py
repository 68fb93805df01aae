"""mmpretrain's random resized crop by Pillow, at Pillow's speed."""

from mmpretrain.datasets.transforms import RandomResizedCrop
from PIL import Image

from eva_mm.datasets.pillow_bgr import to_image, to_pixels
from eva_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class PillowRandomResizedCrop(RandomResizedCrop):
    """mmpretrain's ``RandomResizedCrop(backend='pillow')``: the same draws, the same pixels, in half the time.

    Its parent hands a view to ``Image.fromarray``, see :mod:`eva_mm.datasets.pillow_bgr`.

    Args:
        scale: Height and width of the result, or the side of a square.
        crop_ratio_range: Smallest and largest area, of the image's.
        aspect_ratio_range: Smallest and largest ratio of width to height.
        max_attempts: Draws before the largest crop in the middle is taken.
        interpolation: A name of ``PIL.Image.Resampling``, in lower case.
    """

    def __init__(
        self,
        scale: int | tuple[int, int],
        crop_ratio_range: tuple[float, float] = (0.08, 1.0),
        aspect_ratio_range: tuple[float, float] = (3 / 4, 4 / 3),
        max_attempts: int = 10,
        interpolation: str = 'bicubic',
    ) -> None:
        super().__init__(scale, crop_ratio_range, aspect_ratio_range, max_attempts, interpolation, 'pillow')
        self.resample = Image.Resampling[interpolation.upper()]

    def transform(self, results: dict) -> dict:
        """``img`` (H, W, 3) uint8 BGR to (*scale, 3)."""
        top, left, height, width = self.rand_crop_params(results['img'])
        # cropped before it is resized: Pillow's own box would look beyond the crop's edges
        image = to_image(results['img'][top : top + height, left : left + width])
        results['img'] = to_pixels(image.resize(tuple(self.scale[::-1]), self.resample))
        results['img_shape'] = results['img'].shape
        return results
