"""Encoded images to pixels, with a name for everything that is wrong with them."""

import struct
import zlib
from typing import NamedTuple

import numpy as np
from PIL import Image, ImageOps, UnidentifiedImageError

from eva_mm.datasets.faults import Fault, image_fault
from eva_mm.datasets.pillow_bgr import to_pixels
from eva_mm.safe_io.images import DEFAULT_LIMITS, SUFFIXES, Limits, opened_image
from eva_mm.safe_io.printed import reason_of

EXIF_MODES = ('ignore', 'apply')
_ORIENTATION = 0x0112


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
        with opened_image(content, limits) as image:
            # before anything asks for metadata: that would decode a PNG, and hide that it cannot be
            image.load()
            oddities = _oddities(image, content, suffix, limits)
            return Decoded(_to_bgr(ImageOps.exif_transpose(image) if exif == 'apply' else image), oddities)
    # what decoders raise differs from format to format
    except (OSError, SyntaxError, ValueError, EOFError, IndexError, KeyError, TypeError, OverflowError,
            MemoryError, struct.error, zlib.error, Image.DecompressionBombError) as error:  # fmt: skip
        reason = 'no known image format' if isinstance(error, UnidentifiedImageError) else reason_of(error, 120)
        raise Fault(f'{name} cannot be decoded ({reason}): replace it.', image_fault(error)) from error
