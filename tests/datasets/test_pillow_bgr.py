import numpy as np
import pytest
from PIL import Image

from eva_mm.datasets.pillow_bgr import to_image, to_pixels

PIXELS = np.random.default_rng(0).integers(0, 256, (7, 10, 3), dtype=np.uint8)
VIEWS = {
    'whole': PIXELS,
    'crop': PIXELS[2:6, 3:9],
    'mirrored': PIXELS[:, ::-1],
    'crop of mirrored': PIXELS[:, ::-1][1:4, 2:7],
    'view of RGB': PIXELS[..., ::-1],
    'mirrored crop of RGB': PIXELS[..., ::-1][2:5, 1:8][:, ::-1],
    'upside down': PIXELS[::-1],
    'transposed': PIXELS.transpose(1, 0, 2),
    'every second': PIXELS[::2, ::3],
}


@pytest.mark.parametrize('name', VIEWS)
def test_views_become_the_image_that_numpy_makes(name):
    pixels = VIEWS[name]
    expected = np.ascontiguousarray(pixels[..., ::-1])
    assert np.array_equal(np.asarray(to_image(pixels)), expected)
    assert np.array_equal(to_pixels(to_image(pixels)), pixels)


def test_pixels_are_ours_to_write():
    pixels = to_pixels(Image.fromarray(PIXELS))
    assert pixels.flags.writeable and pixels.flags.c_contiguous
    assert np.array_equal(pixels, PIXELS[..., ::-1])


@pytest.mark.parametrize('wrong', [PIXELS[..., 0], PIXELS.astype(float), PIXELS[..., :2]])
def test_refuses_what_is_no_bgr(wrong):
    with pytest.raises(TypeError, match='Pillow takes BGR as uint8'):
        to_image(wrong)
