"""Drawing what no host draws: captions, heat maps, contact sheets."""

import math
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import cv2
import matplotlib
import numpy as np
from PIL import Image, ImageDraw, ImageFont

_TEXT_SIZE = 15
_LINE = 22
_MARGIN = 6
_BACKGROUND, _INK, _BAR = (255, 255, 255), (20, 20, 20), (168, 198, 236)
# smaller pictures are enlarged, so that a caption has room
_MIN_WIDTH = 336
_THUMBNAIL = 224


@cache
def _font() -> ImageFont.FreeTypeFont:
    # matplotlib brings a font that has most alphabets
    return ImageFont.truetype(Path(matplotlib.get_data_path()) / 'fonts' / 'ttf' / 'DejaVuSans.ttf', _TEXT_SIZE)


def _shortened(text: str, width: int) -> str:
    font = _font()
    if font.getlength(text) <= width:
        return text
    while text and font.getlength(f'{text}…') > width:
        text = text[:-1]
    return f'{text}…'


def enlarge(picture: np.ndarray, width: int = _MIN_WIDTH) -> np.ndarray:
    """A picture (H, W, 3) made at least ``width`` wide, with its shape kept."""
    if picture.shape[1] >= width:
        return picture
    factor = math.ceil(width / picture.shape[1])
    return cv2.resize(picture, None, fx=factor, fy=factor, interpolation=cv2.INTER_NEAREST)


def add_caption(picture: np.ndarray, lines: Sequence[tuple[str, float]]) -> np.ndarray:
    """A picture (H, W, 3) with lines of text below it.

    Args:
        picture: uint8, RGB.
        lines: Text and the length of the bar behind it, a share of the width.
    """
    picture = enlarge(picture)
    height, width = picture.shape[:2]
    canvas = Image.new('RGB', (width, height + _LINE * len(lines) + 2 * _MARGIN), _BACKGROUND)
    canvas.paste(Image.fromarray(picture))
    draw = ImageDraw.Draw(canvas)
    for row, (text, share) in enumerate(lines):
        top = height + _MARGIN + row * _LINE
        if share > 0:
            draw.rectangle((_MARGIN, top + 2, _MARGIN + share * (width - 2 * _MARGIN), top + _LINE - 3), fill=_BAR)
        text = _shortened(text, width - 4 * _MARGIN)
        draw.text((2 * _MARGIN, top + _LINE / 2), text, fill=_INK, font=_font(), anchor='lm')
    return np.asarray(canvas)


def heat_map(values: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """Colours of values (h, w) from 0, dark, to 1, bright, as a picture of ``size`` (H, W)."""
    colours = matplotlib.colormaps['viridis'](values.clip(0, 1))[..., :3]
    return resize_blocks((255 * colours).round().astype(np.uint8), size)


def resize_blocks(picture: np.ndarray, size: tuple[int, int]) -> np.ndarray:
    """A small picture (h, w, 3) at ``size`` (H, W), each of its pixels a block."""
    return cv2.resize(picture, size[::-1], interpolation=cv2.INTER_NEAREST)


def beside(*pictures: np.ndarray) -> np.ndarray:
    """Pictures of one size in a row, with a white line between them."""
    line = np.full((pictures[0].shape[0], 4, 3), 255, np.uint8)
    parts = [part for picture in pictures for part in (line, picture)]
    return np.concatenate(parts[1:], axis=1)


def thumbnail(picture: np.ndarray) -> Image.Image:
    """A small copy for a contact sheet."""
    small = Image.fromarray(enlarge(picture, _THUMBNAIL))
    small.thumbnail((2 * _THUMBNAIL, _THUMBNAIL))
    return small


def contact_sheet(thumbnails: Sequence[Image.Image], names: Sequence[str]) -> Image.Image:
    """All thumbnails with their names in one picture, about as wide as it is high."""
    highest = max(small.height for small in thumbnails)
    cell = max(small.width for small in thumbnails) + _MARGIN, highest + _LINE + _MARGIN
    columns = min(len(thumbnails), math.ceil(math.sqrt(len(thumbnails) * cell[1] / cell[0])))
    rows = math.ceil(len(thumbnails) / columns)
    sheet = Image.new('RGB', (columns * cell[0] + _MARGIN, rows * cell[1] + _MARGIN), _BACKGROUND)
    draw = ImageDraw.Draw(sheet)
    for index, (small, name) in enumerate(zip(thumbnails, names)):
        row, column = divmod(index, columns)
        left, top = _MARGIN + column * cell[0], _MARGIN + row * cell[1]
        sheet.paste(small, (left, top))
        draw.text((left, top + highest + _LINE / 2), _shortened(name, cell[0] - _MARGIN), fill=_INK, font=_font(),
                  anchor='lm')  # fmt: skip
    return sheet
