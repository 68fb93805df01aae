"""Random views of the places in the photographs."""

import cv2
import numpy as np

from .sources import Place, Sources

CONTRAST = 0.45
MAX_ZOOM_OUT = 2.4


def pick_place(rng: np.random.Generator, sources: Sources) -> Place:
    """One of the places."""
    return sources.places[rng.integers(len(sources.places))]


def view(
    rng: np.random.Generator,
    place: Place,
    split: str,
    shape: tuple[int, int],
    contrast: float = CONTRAST,
) -> np.ndarray:
    """A random crop of what ``split`` may see of a place, mirrored at random and darkened.

    Args:
        rng: random stream of the item.
        place: where to crop.
        split: ``train`` or another; they see different areas.
        shape: (H, W) of the view in pixels.
        contrast: factor on the pixel values.

    Returns:
        RGB, float32 in 0..255, (H, W, 3).
    """
    area = place.area(split)
    largest = min(area.shape[0] / shape[0], area.shape[1] / shape[1], MAX_ZOOM_OUT)
    zoom_out = rng.uniform(min(1.0, largest), largest)
    height, width = (min(int(side * zoom_out), limit) for side, limit in zip(shape, area.shape, strict=False))
    top, left = (int(rng.integers(room + 1)) for room in (area.shape[0] - height, area.shape[1] - width))
    crop = area[top : top + height, left : left + width]
    if rng.random() < 0.5:
        crop = crop[:, ::-1]
    resized = cv2.resize(np.ascontiguousarray(crop), shape[::-1], interpolation=cv2.INTER_AREA)
    return resized.astype(np.float32) * contrast
