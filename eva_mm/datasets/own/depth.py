"""Images of more than 8 bits, of which the hosts' readers keep 8."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np
from PIL import Image

from eva_mm.safe_io.images import opened_image

# headers of a hundred thousand files take minutes on a network drive
LOOKED_AT = 200
_BITS_PER_SAMPLE = 258


def _is_deep(image: Image.Image, path: Path) -> bool:
    """Whether a channel has more than 8 bits; Pillow's mode says it of grey images alone."""
    if image.format == 'PNG':
        with open(path, 'rb') as file:
            return file.read(25)[24] == 16
    if image.format == 'TIFF':
        return max(image.tag_v2.get(_BITS_PER_SAMPLE, (8,))) > 8
    return image.mode.startswith('I')


def depth_remarks(images: Sequence[Path]) -> list[str]:
    """One sentence if some of the images have more than 8 bits per channel; a sample of them is looked at.

    OpenCV keeps the upper 8 of 16 bits: of values that use only the lower 12, 16 levels are left. Images that cannot be
    opened are left to the reader.

    Args:
        images: Files.

    Raises:
        ValueError: An image has floating-point values, which the readers cannot take.
    """
    sample = images[:: max(1, len(images) // LOOKED_AT)]
    deep, largest = [], 0
    for path in sample:
        try:
            with opened_image(path) as image:
                floats = image.mode == 'F'
                if not floats and _is_deep(image, path):
                    deep.append(path)
                    if len(deep) == 1:
                        largest = int(np.asarray(image).max())
        # a broken file is the business of the reader, which has a policy for it
        except Exception:
            continue
        if floats:
            raise ValueError(f'{path} has floating-point values, which no reader takes: scale them to 8 bits.')
    if not deep:
        return []
    return [
        f'{len(deep)} of {len(sample)} images looked at have more than 8 bits, of which the upper 8 are kept: in '
        f'{deep[0]} the largest value is {largest:,}; scale them to 8 bits if they do not use all of 65,535.'
    ]
