"""Masks as COCO writes them: polygons, here along the pixel edges so that they are exact."""

import cv2
import numpy as np


def polygons(mask: np.ndarray, top: int = 0) -> list[list[int]]:
    """Write a mask as polygons whose union pycocotools reads as the very same pixels.

    A polygon has no holes, so the mask is cut in two through a hole until none is left.

    Args:
        mask: bool, (H, W).
        top: added to every y.

    Returns:
        x, y, x, y ... of the corners of each polygon, in pixels.
    """
    row = _hole_row(mask)
    if row is None:
        return _outlines(mask, top)
    return polygons(mask[:row], top) + polygons(mask[row:], top + row)


def _hole_row(mask: np.ndarray) -> int | None:
    """The middle row of a hole, or None; what touches the border is outside, not a hole."""
    around = np.pad(~mask, 1, constant_values=True).astype(np.uint8)
    count, _, stats, _ = cv2.connectedComponentsWithStats(around, connectivity=4)
    outside = 1
    if count == outside + 1:
        return None
    top, height = stats[-1, [cv2.CC_STAT_TOP, cv2.CC_STAT_HEIGHT]].tolist()
    return top - 1 + height // 2


def _outlines(band: np.ndarray, top: int) -> list[list[int]]:
    """Corners x, y, x, y ... of each closed walk along the pixel edges, the inside on its right."""
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
