"""Encoded images to pixels, with a name for everything that is wrong with them."""

import io
import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from eva_mm.datasets.faults import Fault
from eva_mm.datasets.pillow_bgr import to_pixels

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

EXIF_MODES = ('ignore', 'apply')
_ORIENTATION = 0x0112


class Limits(NamedTuple):
    """Bounds of what is taken as an image.

    Attributes:
        max_bytes: Largest encoded image.
        max_pixels: Largest image; the default is where Pillow itself refuses.
        min_side: Images with a shorter side are ``'tiny'``.
        max_aspect: Images with a greater ratio of their sides are ``'elongated'``.
    """

    max_bytes: int = 64 * 2**20
    max_pixels: int = 178_956_970
    min_side: int = 8
    max_aspect: float = 20.0


DEFAULT_LIMITS = Limits()


class Decoded(NamedTuple):
    """Pixels, BGR uint8 (H, W, 3), and which of ``faults.ODD`` the image is."""

    pixels: np.ndarray
    oddities: tuple[str, ...]


def _orientation(image: Image.Image) -> int:
    try:
        return image.getexif().get(_ORIENTATION, 1)
    # broken metadata of an image whose pixels may be sound
    except Exception:
        return 1


def _has_16_bits(image: Image.Image, content: bytes) -> bool:
    # Pillow reduces 16-bit colour while it opens a PNG; byte 24 is the depth that the file has
    return image.mode.startswith('I') or (image.format == 'PNG' and content[24:25] == b'\x10')


def _oddities(image: Image.Image, content: bytes, suffix: str, limits: Limits) -> tuple[str, ...]:
    short, long = sorted(image.size)
    # a JPEG with a preview in it
    kind = 'JPEG' if image.format == 'MPO' else image.format
    found = {
        'tiny': short < limits.min_side,
        'elongated': long > limits.max_aspect * short,
        'wrong extension': bool(suffix) and suffix.lower() not in SUFFIXES[kind],
        'cmyk': image.mode == 'CMYK',
        '16-bit': _has_16_bits(image, content),
        'animated': image.format != 'MPO' and getattr(image, 'is_animated', False),
        'rotated': _orientation(image) not in (0, 1),
    }
    return tuple(name for name, is_so in found.items() if is_so)


def _to_bgr(image: Image.Image) -> np.ndarray:
    if image.mode.startswith('I'):
        # Pillow's own conversion cuts at 255, which turns 16-bit images white
        image = Image.fromarray((np.asarray(image).clip(0, 65535) >> 8).astype(np.uint8))
    return to_pixels(image.convert('RGB'))


def _classify(error: Exception) -> str:
    if isinstance(error, Image.DecompressionBombError):
        return 'too many pixels'
    if isinstance(error, UnidentifiedImageError):
        return 'no image'
    return 'truncated' if isinstance(error, EOFError) or 'truncated' in str(error).lower() else 'undecodable'


def decode(
    content: bytes, name: str, suffix: str = '', limits: Limits = DEFAULT_LIMITS, exif: str = 'ignore'
) -> Decoded:
    """Decode an image as the released pre-training did: Pillow's first frame, without alpha, not turned.

    16-bit grey is scaled to 8 bits.

    Args:
        content: The encoded image.
        name: For messages.
        suffix: Of its file, such as ``'.jpg'``; empty where it is not known.
        limits: What is refused and what is odd.
        exif: ``'ignore'`` the orientation of the camera, as released, or ``'apply'`` it.

    Raises:
        Fault: It is empty, too large, or cannot be decoded.
    """
    if not content:
        raise Fault(f'{name} is empty (0 bytes): replace it.', 'empty')
    if len(content) > limits.max_bytes:
        raise Fault(
            f'{name} has {len(content)} bytes, more than max_bytes={limits.max_bytes}: replace it.', 'too large'
        )
    try:
        with Image.open(io.BytesIO(content), formats=FORMATS) as image:
            width, height = image.size
            if width * height > limits.max_pixels:
                raise Image.DecompressionBombError(f'{width} x {height}, more than max_pixels={limits.max_pixels}')
            # before anything asks for metadata: that would decode a PNG, and hide that it cannot be
            image.load()
            oddities = _oddities(image, content, suffix, limits)
            return Decoded(_to_bgr(ImageOps.exif_transpose(image) if exif == 'apply' else image), oddities)
    # what decoders raise differs from format to format
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
            MemoryError, struct.error, zlib.error, Image.DecompressionBombError) as error:  # fmt: skip
        detail = ' '.join(str(error).split())[:120]
        if isinstance(error, UnidentifiedImageError):
            detail = 'no known image format'
        raise Fault(f'{name} cannot be decoded ({detail}): replace it.', _classify(error)) from error
