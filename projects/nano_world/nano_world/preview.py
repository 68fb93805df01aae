"""One picture that shows some of every set as read back from its files."""

import textwrap
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

WIDTH, HEIGHT, MARGIN = 1680, 140, 10
TEXT_LINES, TEXT_SIZE, TITLE_SIZE = 3, 13, 20
CELL_HEIGHT = HEIGHT + TEXT_LINES * (TEXT_SIZE + 2) + MARGIN


def write_sheet(path: Path, rows: dict[str, list[tuple[np.ndarray, str]]]) -> None:
    """Draw a contact sheet.

    Args:
        path: the png to write.
        rows: per title, images (RGB, uint8, (H, W, 3)) and the words under each.
    """
    strips = [_strip(title, cells) for title, cells in rows.items()]
    sheet = Image.new('RGB', (WIDTH, sum(strip.height for strip in strips)), 'white')
    top = 0
    for strip in strips:
        sheet.paste(strip, (0, top))
        top += strip.height
    sheet.save(path)


def _strip(title: str, cells: list[tuple[np.ndarray, str]]) -> Image.Image:
    """A title and, below it, cells in as many lines as they need."""
    font = ImageFont.load_default(TEXT_SIZE)
    placed, left, line = [], MARGIN, 0
    for image, words in cells:
        cell = Image.fromarray(image)
        size = (round(cell.width * HEIGHT / cell.height), HEIGHT)
        if left + size[0] + MARGIN > WIDTH:
            left, line = MARGIN, line + 1
        placed.append((cell.resize(size, Image.Resampling.BICUBIC), words, left, line))
        left += size[0] + MARGIN
    strip = Image.new('RGB', (WIDTH, TITLE_SIZE + 2 * MARGIN + (line + 1) * CELL_HEIGHT), 'white')
    draw = ImageDraw.Draw(strip)
    draw.text((MARGIN, MARGIN // 2), title, 'black', ImageFont.load_default(TITLE_SIZE))
    for cell, words, left, line in placed:
        top = TITLE_SIZE + MARGIN + line * CELL_HEIGHT
        strip.paste(cell, (left, top))
        wrapped = textwrap.wrap(words, int(cell.width / TEXT_SIZE * 2))[:TEXT_LINES]
        draw.multiline_text((left, top + HEIGHT + 2), '\n'.join(wrapped), 'black', font, spacing=2)
    return strip
