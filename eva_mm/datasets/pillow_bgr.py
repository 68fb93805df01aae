"""Between Pillow's images and OpenMMLab's BGR arrays, with Pillow doing the reordering.

numpy copies a reversed or cropped view with three channels pixel by pixel, and ``Image.fromarray`` lets it: for a
photograph that costs more than decoding the JPEG.
"""

import numpy as np
from PIL import Image


def to_image(pixels: np.ndarray) -> Image.Image:
    """RGB image of BGR uint8 (H, W, 3), which may be any view, such as a crop or a mirrored image.

    Raises:
        TypeError: It is not three channels of uint8.
    """
    if pixels.dtype != np.uint8 or pixels.ndim != 3 or pixels.shape[2] != 3:
        raise TypeError(f'Pillow takes BGR as uint8 (H, W, 3): got {pixels.dtype} {pixels.shape}.')
    is_mirrored, is_rgb = pixels.strides[1] < 0, pixels.strides[2] < 0
    if is_mirrored:
        pixels = pixels[:, ::-1]
    if is_rgb:
        pixels = pixels[..., ::-1]
    size = pixels.shape[1::-1]
    image = Image.frombytes('RGB', size, np.ascontiguousarray(pixels), 'raw', 'RGB' if is_rgb else 'BGR')
    return image.transpose(Image.Transpose.FLIP_LEFT_RIGHT) if is_mirrored else image


def to_pixels(image: Image.Image) -> np.ndarray:
    """BGR uint8 (H, W, 3), contiguous and writable, of an RGB image."""
    pixels = np.frombuffer(bytearray(image.tobytes('raw', 'BGR')), np.uint8)
    return pixels.reshape(image.height, image.width, 3)
