"""The view that CLIP has of an image, for the frames of a video."""

import numpy as np
from PIL import Image
from torchvision.transforms import InterpolationMode
from torchvision.transforms import functional as TF

from eva_mm.registry import TRANSFORMS


@TRANSFORMS.register_module()
class CenterView:
    """Resize each frame's shorter side and cut the square in the middle, by torchvision on Pillow images.

    So are images prepared for CLIP, and frames by the release. mmaction2's ``Resize`` and ``CenterCrop`` take OpenCV's
    filter, which does not average when it shrinks, and place an odd margin elsewhere.

    Args:
        size: Side of the square in pixels.
        interpolation: A name of ``torchvision.transforms.InterpolationMode``, in lower case.
    """

    def __init__(self, size: int = 224, interpolation: str = 'bicubic') -> None:
        self.size = size
        self.interpolation = InterpolationMode[interpolation.upper()]

    def _view(self, frame: np.ndarray) -> np.ndarray:
        image = TF.resize(Image.fromarray(frame), self.size, self.interpolation)
        return np.asarray(TF.center_crop(image, self.size))

    def __call__(self, results: dict) -> dict:
        """Change ``imgs``, RGB uint8 frames (H, W, 3)."""
        results['imgs'] = [self._view(frame) for frame in results['imgs']]
        results['img_shape'] = (self.size, self.size)
        return results

    def __repr__(self) -> str:
        return f'{type(self).__name__}(size={self.size}, interpolation={self.interpolation.value!r})'
