"""Random views of the photographs."""

import cv2
import numpy as np

from .sources import Photo, Sources

CONTRAST = 0.45
MAX_ZOOM_OUT = 2.4


def pick_photo(rng: np.random.Generator, sources: Sources) -> Photo:
    """One of the photographs."""
    return sources.photos[rng.integers(len(sources.photos))]


def view(
    rng: np.random.Generator, photo: Photo, split: str, shape: tuple[int, int], contrast: float = CONTRAST
) -> np.ndarray:
    """A random crop of the part of the photograph that belongs to ``split``, resized, mirrored at random, darkened.

    Args:
        rng: random stream of the item.
        photo: where to crop.
        split: ``train`` or another; each has its own area of the photograph.
        shape: (H, W) of the view in pixels.
        contrast: factor on the pixel values.

    Returns:
        RGB, float32 in 0..255, (H, W, 3).
    """
    area = photo.area(split)
    largest = min(area.shape[0] / shape[0], area.shape[1] / shape[1], MAX_ZOOM_OUT)
    zoom_out = rng.uniform(min(1.0, largest), largest)
    height, width = (min(int(side * zoom_out), limit) for side, limit in zip(shape, area.shape, strict=False))
    top, left = (int(rng.integers(room + 1)) for room in (area.shape[0] - height, area.shape[1] - width))
    crop = area[top : top + height, left : left + width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    resized = cv2.resize(np.ascontiguousarray(crop), shape[::-1], interpolation=cv2.INTER_AREA)
    return resized.astype(np.float32) * contrast
