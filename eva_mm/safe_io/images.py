"""What counts as an image, and how large one may be: one rule for every reader.

Pillow reads the header; only then is anything decoded, by Pillow or by OpenCV.
"""

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from PIL import Image, TiffImagePlugin, UnidentifiedImageError

from eva_mm.safe_io.files import open_regular
from eva_mm.safe_io.printed import printable, reason_of

# raster formats that Pillow decodes itself; others, such as EPS, would start programs
FORMATS = ('JPEG', 'PNG', 'WEBP', 'GIF', 'BMP', 'TIFF', 'PPM')
SUFFIXES = {
    'JPEG': ('.jpg', '.jpeg', '.jpe', '.jfif'),
    'PNG': ('.png',),
    'WEBP': ('.webp',),
    'GIF': ('.gif',),
    'BMP': ('.bmp',),
    'TIFF': ('.tif', '.tiff'),
    'PPM': ('.ppm', '.pgm', '.pbm', '.pnm'),
}
IMAGE_SUFFIXES = frozenset(suffix for suffixes in SUFFIXES.values() for suffix in suffixes)


class Limits(NamedTuple):
    """Bounds of what is taken as an image.

    Attributes:
        max_bytes: Largest encoded image that is read into memory.
        max_pixels: Most pixels; the default is where Pillow itself refuses.
        max_side: Longest side, that of a JPEG.
        max_ratio: Largest ratio of the sides: a resize of the short side multiplies the long one.
        min_side: Images with a shorter side are ``'tiny'``, and used.
        max_aspect: Images with a larger ratio of their sides are ``'elongated'``, and used.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 178_956_970
    max_side: int = 65_535
    max_ratio: float = 1000.0
    min_side: int = 8
    max_aspect: float = 20.0


DEFAULT_LIMITS = Limits()
_TIFF = (b'II*\0', b'MM\0*')


class ImageSizeError(ValueError):
    """An image has more pixels or longer sides than the limits allow."""


def check_size(width: int, height: int, limits: Limits = DEFAULT_LIMITS) -> None:
    """Compare the sides of an image with the limits.

    Raises:
        ImageSizeError: It is too large or too elongated.
    """
    short, long = sorted((width, height))
    if short < 1:
        raise ImageSizeError(f'{width} x {height} pixels, which is no image')
    if long > limits.max_side:
        raise ImageSizeError(f'{width} x {height} pixels, a side is longer than max_side={limits.max_side}')
    if long > limits.max_ratio * short:
        raise ImageSizeError(f'{width} x {height} pixels, the sides differ by more than max_ratio={limits.max_ratio:g}')
    if width * height > limits.max_pixels:
        raise ImageSizeError(f'{width} x {height} pixels, more than max_pixels={limits.max_pixels}')


@contextmanager
def opened_image(source: str | os.PathLike | bytes, limits: Limits = DEFAULT_LIMITS) -> Iterator[Image.Image]:
    """An image whose header was read and found within the limits; nothing is decoded yet.

    Args:
        source: A file, or its content.
        limits: What is refused.

    Raises:
        FileNotFoundError, NotRegularError: There is no such file, or it is not a regular one.
        UnidentifiedImageError: It is in none of :data:`FORMATS`.
        ImageSizeError: It is larger than the limits allow.
        OSError, SyntaxError, ...: Whatever Pillow raises for damaged headers.
    """
    with io.BytesIO(source) if isinstance(source, bytes) else open_regular(source) as file:
        try:
            image = Image.open(file, formats=FORMATS)
        except UnidentifiedImageError as error:
            # Pillow's own message has the address of a buffer in it
            raise UnidentifiedImageError(f'no known image format, expected {", ".join(FORMATS)}') from error
        except Image.DecompressionBombError as error:
            raise ImageSizeError(str(error)) from error
        with image:
            check_size(*image.size, limits)
            yield image


def check_image(content: bytes, name: str = '', limits: Limits = DEFAULT_LIMITS) -> None:
    """Refuse, before it is decoded, an image that is in another format or larger than the limits allow.

    Args:
        content: The encoded image.
        name: For the message.
        limits: What is refused.

    Raises:
        ValueError: It is refused, or its header is damaged.
    """
    try:
        try:
            with opened_image(content, limits):
                pass
        except UnidentifiedImageError:
            # a kind of pixels that Pillow has no mode for and other decoders do
            if not content.startswith(_TIFF):
                raise
            check_size(*_tiff_size(content), limits)
    # what Pillow's readers raise for damaged headers differs from format to format
    except Exception as error:
        raise ValueError(f'{printable(name) or "The image"} is refused: {reason_of(error)}.') from error


def _tiff_size(content: bytes) -> tuple[int, int]:
    """Width and height that the first directory of a TIFF says."""
    directory = TiffImagePlugin.ImageFileDirectory_v2(content[:8])
    file = io.BytesIO(content)
    file.seek(directory.next)
    directory.load(file)
    return directory[TiffImagePlugin.IMAGEWIDTH], directory[TiffImagePlugin.IMAGELENGTH]
