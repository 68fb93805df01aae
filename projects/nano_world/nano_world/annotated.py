"""Images of a COCO or LVIS json with their masks and boxes drawn in, for the preview."""

import contextlib
import io
from pathlib import Path

import numpy as np
from pycocotools.coco import COCO

from .files import read_image

GREEN, RED_HALF = (0, 255, 0), (127, 0, 0)


def draw_annotations(ann_file: Path, folder: Path, count: int, having: str = '') -> list[tuple[np.ndarray, str]]:
    """Draw what pycocotools reads from a file.

    Args:
        ann_file: COCO or LVIS json.
        folder: where the ``file_name`` of COCO, or the end of the ``coco_url`` of LVIS, lies.
        count: number of images at most.
        having: only images with an annotated category whose name contains this.

    Returns:
        Images, RGB, uint8, and the names of what is annotated on them.
    """
    with contextlib.redirect_stdout(io.StringIO()):
        coco = COCO(str(ann_file))
    cells = []
    for image in coco.dataset['images']:
        things = coco.imgToAnns[image['id']]
        names = ', '.join(coco.cats[thing['category_id']]['name'] for thing in things)
        if having not in names:
            continue
        name = image.get('file_name') or '/'.join(image['coco_url'].split('/')[-2:])
        shown = read_image(folder / name)
        for thing in things:
            mask = coco.annToMask(thing).astype(bool)
            shown[mask] = shown[mask] // 2 + np.uint8(RED_HALF)
            left, top, width, height = thing['bbox']
            shown[[top, top + height - 1], left : left + width] = GREEN
            shown[top : top + height, [left, left + width - 1]] = GREEN
        cells.append((shown, names or 'nothing'))
        if len(cells) == count:
            break
    return cells
