"""How much boxes overlap. Boxes are (x1, y1, x2, y2); their width is ``x2 - x1 + offset``."""

import numpy as np
from torch import Tensor

__all__ = ['bbox_overlaps', 'box_areas', 'overlaps_with']


def bbox_overlaps(bboxes1: Tensor, bboxes2: Tensor, ious: Tensor, mode: int, aligned: bool, offset: int) -> None:
    """Fill ``ious`` with intersection over union (``mode`` 0) or over the first box (``mode`` 1).

    Args:
        bboxes1: boxes (m, 4).
        bboxes2: boxes (n, 4); n equals m if ``aligned``.
        ious: the result, (m,) if ``aligned`` and (m, n) otherwise.
    """
    first = bboxes1 if aligned else bboxes1[:, None]
    corner_1 = first[..., :2].maximum(bboxes2[..., :2])
    corner_2 = first[..., 2:].minimum(bboxes2[..., 2:])
    shared = (corner_2 - corner_1 + offset).clamp(min=0).prod(-1)
    base = (first[..., 2:] - first[..., :2] + offset).prod(-1)
    if mode == 0:
        base = base + (bboxes2[..., 2:] - bboxes2[..., :2] + offset).prod(-1) - shared
    ious.copy_(shared / base)


def box_areas(boxes: np.ndarray, offset: int) -> np.ndarray:
    """Areas (n,) of boxes given as columns (4, n)."""
    x1, y1, x2, y2 = boxes
    return (x2 - x1 + np.float32(offset)) * (y2 - y1 + np.float32(offset))


def overlaps_with(box: np.ndarray, area: np.float32, boxes: np.ndarray, areas: np.ndarray, offset: int) -> np.ndarray:
    """Intersection over union (n,) of one box (4,) with boxes given as columns (4, n), in float32.

    The order of the operations is that of the compiled suppression kernels, so results are equal to the last bit. Two
    boxes without area give NaN, as there.
    """
    one = np.float32(offset)
    width = np.minimum(box[2], boxes[2]) - np.maximum(box[0], boxes[0]) + one
    height = np.minimum(box[3], boxes[3]) - np.maximum(box[1], boxes[1]) + one
    shared = np.maximum(width, 0) * np.maximum(height, 0)
    with np.errstate(divide='ignore', invalid='ignore'):
        return shared / (area + areas - shared)
