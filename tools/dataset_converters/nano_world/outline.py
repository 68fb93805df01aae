"""Masks as COCO writes them: polygons, here along the pixel edges so that they are exact."""

from typing import Any

import cv2
import numpy as np
from pycocotools import mask as coco_mask


def segmentation(mask: np.ndarray) -> list[list[int]] | dict[str, Any]:
    """Write a mask as polygons, or run lengths if pycocotools would not read the same pixels from the polygons.

    A polygon has no holes, so the mask is cut into horizontal bands through the middle of each hole first.

    Args:
        mask: bool, (H, W), not empty.
    """
    bands = np.split(mask, _hole_rows(mask))
    polygons = []
    top = 0
    for band in bands:
        polygons += _outlines(band, top)
        top += len(band)
    runs = coco_mask.merge(coco_mask.frPyObjects(polygons, *mask.shape)) if polygons else None
    if runs is not None and np.array_equal(coco_mask.decode(runs), mask):
        return polygons
    runs = coco_mask.encode(np.asfortranarray(mask, np.uint8))
    return {'size': [int(side) for side in runs['size']], 'counts': runs['counts'].decode()}


def _hole_rows(mask: np.ndarray) -> list[int]:
    padded = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(padded, connectivity=4)
    outside = 1
    tops, heights = stats[:, cv2.CC_STAT_TOP] - 1, stats[:, cv2.CC_STAT_HEIGHT]
    return sorted({int(tops[i] + heights[i] // 2) for i in range(outside + 1, count)} - {0})


def _outlines(band: np.ndarray, top: int) -> list[list[int]]:
    """Corners x, y, x, y ... of every closed walk along the edges of the band's pixels, the inside to its right."""
    inside = np.pad(band, 1).astype(np.int8)
    walks: dict[tuple[int, int], list[tuple[int, int]]] = {}
    down, right = np.diff(inside, axis=0)[:, 1:-1], np.diff(inside, axis=1)[1:-1]
    for y, x in np.argwhere(down):
        start, end = ((x, y), (x + 1, y)) if down[y, x] > 0 else ((x + 1, y), (x, y))
        walks.setdefault(start, []).append(end)
    for y, x in np.argwhere(right):
        start, end = ((x, y + 1), (x, y)) if right[y, x] > 0 else ((x, y), (x, y + 1))
        walks.setdefault(start, []).append(end)
    loops = []
    while walks:
        point = next(iter(walks))
        loop = [point]
        while point in walks:
            point = walks[point].pop()
            if not walks[loop[-1]]:
                del walks[loop[-1]]
            loop.append(point)
        loops.append(_corners(loop[:-1], top))
    return loops


def _corners(loop: list[tuple[int, int]], top: int) -> list[int]:
    points = np.array(loop)
    straight = np.all(points - np.roll(points, 1, 0) == np.roll(points, -1, 0) - points, axis=1)
    return (points[~straight] + [0, top]).ravel().tolist()
