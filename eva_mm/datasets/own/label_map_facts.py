"""What one label map holds, and how it lies over its image."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from PIL import Image

from eva_mm.safe_io.images import opened_image
from eva_mm.safe_io.printed import reason_of

IGNORED = 255
ORIENTATION_TAG = 0x0112
# Pillow's modes whose pixels are numbers: 1 bit, 8 bit, palette indices, 16 and 32 bit
NUMBER_MODES = ('1', 'L', 'P', 'I', 'I;16', 'I;16B', 'I;16L')
COLOUR_MODES = ('RGB', 'RGBA')


@dataclass(frozen=True)
class MapFacts:
    """What one label map holds.

    Attributes:
        ids: The ids that occur, sorted.
        in_colours: Whether the map shows classes as colours.
        turned: Of an image with an EXIF orientation: ``'upright'`` if the map fits the image after it is turned,
            ``'stored'`` if before, ``'either'`` if both; empty if the image has none.
    """

    ids: np.ndarray
    in_colours: bool
    turned: str


class _WrongLabelMap(ValueError):
    """A label map that can be read and does not fit."""


def ids_of_colours(pixels: np.ndarray, palette: np.ndarray) -> np.ndarray:
    """Colours (H, W, 3) to ids (H, W) of uint8: the row of ``palette`` (K, 3); :data:`IGNORED` for other colours."""
    codes, known = (each.astype(np.uint32) @ np.array([1 << 16, 1 << 8, 1], np.uint32) for each in (pixels, palette))
    order = np.argsort(known)
    place = np.minimum(np.searchsorted(known[order], codes), len(known) - 1)
    return np.where(known[order][place] == codes, order[place], IGNORED).astype(np.uint8)


def _turned(label_map: Path, size: tuple[int, int], picture: Image.Image) -> str:
    tag = picture.getexif().get(ORIENTATION_TAG, 1)
    upright = picture.size[::-1] if tag > 4 else picture.size
    fits = [name for name, sides in (('upright', upright), ('stored', picture.size)) if sides == size]
    if not fits:
        raise _WrongLabelMap(
            f'{label_map} has {size[0]} x {size[1]} pixels and its image {picture.size[0]} x {picture.size[1]}: both '
            'must be of one size.'
        )
    if tag == 1:
        return ''
    return 'either' if len(fits) == 2 else fits[0]


def _read(label_map: Path, opened: Image.Image, palette: np.ndarray | None) -> np.ndarray:
    if opened.mode in NUMBER_MODES:
        return np.unique(np.asarray(opened))
    if opened.mode not in COLOUR_MODES or palette is None:
        raise _WrongLabelMap(
            f'{label_map} has the colours of an image (mode {opened.mode}), expected one number per pixel: save class '
            'ids as a grey or palette png, or write the colour of each class into the class list.'
        )
    pixels = np.asarray(opened.convert('RGB'))
    ids = ids_of_colours(pixels, palette)
    unknown = ids == IGNORED
    if unknown.any():
        colour = ' '.join(map(str, pixels[unknown][0]))
        raise _WrongLabelMap(
            f'{label_map} has {int(unknown.sum()):,} pixels of colours that are in no line of the class list, for '
            f'instance {colour}: add them, or correct the map.'
        )
    return np.unique(ids)


def read_facts(label_map: Path, image: Path, palette: np.ndarray | None) -> MapFacts:
    """Look into a label map and the header of its image.

    Args:
        label_map, image: Files.
        palette: (K, 3) uint8, the colours of the classes; ``None`` if the user gave none.

    Raises:
        ValueError: The map holds colours that are not known, is of another size than its image, or either is damaged.
    """
    try:
        with opened_image(label_map) as opened, opened_image(image) as picture:
            turned = _turned(label_map, opened.size, picture)
            return MapFacts(_read(label_map, opened, palette), opened.mode in COLOUR_MODES, turned)
    except _WrongLabelMap as error:
        raise ValueError(str(error)) from error
    # what Pillow's readers raise for damaged files differs from format to format
    except Exception as error:
        raise ValueError(f'{label_map} or its image cannot be read ({reason_of(error)}): save both again.') from error
