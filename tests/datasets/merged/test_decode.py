import io

import numpy as np
import pytest
from PIL import Image

from eva_mm.datasets.faults import BROKEN_IMAGES, ODD, Fault
from eva_mm.datasets.merged.decode import Limits, decode

MADE_BROKEN = [kind for kind in BROKEN_IMAGES if kind not in ('missing', 'changed', 'too large')]


@pytest.mark.parametrize('kind', MADE_BROKEN)
def test_broken_images_are_named(make, kind):
    with pytest.raises(Fault, match='img: |img is|img cannot') as caught:
        decode(make(kind), 'img', make.suffixes[kind])
    assert caught.value.kind == kind


@pytest.mark.parametrize('kind', ODD)
def test_odd_images_are_used_and_named(make, kind):
    pixels, oddities = decode(make(kind), 'img', make.suffixes[kind])
    assert pixels.dtype == np.uint8 and pixels.ndim == 3 and pixels.shape[2] == 3
    assert oddities == (kind,)


def test_a_sound_image_is_what_pillow_reads(make):
    content = make('sound')
    pixels, oddities = decode(content, 'img', '.jpg')
    assert oddities == ()
    np.testing.assert_array_equal(pixels[..., ::-1], np.asarray(Image.open(io.BytesIO(content)).convert('RGB')))


def test_16_bits_are_scaled_and_not_cut(make):
    assert set(decode(make('16-bit'), 'img').pixels.ravel()) == {0x80}


def test_rotation_is_ignored_as_released_or_applied(make):
    assert decode(make('rotated'), 'img').pixels.shape == (16, 24, 3)
    assert decode(make('rotated'), 'img', exif='apply').pixels.shape == (24, 16, 3)


def test_limits(make):
    with pytest.raises(Fault) as caught:
        decode(make('sound'), 'img', limits=Limits(max_bytes=10))
    assert caught.value.kind == 'too large'
    with pytest.raises(Fault) as caught:
        decode(make('sound'), 'img', limits=Limits(max_pixels=24 * 24 - 1))
    assert caught.value.kind == 'too many pixels'
    assert decode(make('sound'), 'img', '.jpg', Limits(max_pixels=24 * 24, min_side=25)).oddities == ('tiny',)


def test_formats_that_start_programs_are_no_images():
    eps = b'%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 10 10\n%%EndComments\n'
    with pytest.raises(Fault, match='no known image format'):
        decode(eps, 'img')


@pytest.mark.parametrize(
    'kind', ['sound', 'truncated', 'cmyk', '16-bit', 'animated', 'rotated', 'tiny', 'WEBP', 'TIFF', 'BMP', 'PPM']
)
def test_damaged_images_end_in_no_other_error(make, kind, cases=40):
    content = make(kind) if kind in make.suffixes else _saved(kind)
    rng = np.random.default_rng(0)
    for _ in range(cases):
        damaged = bytearray(content[: rng.integers(1, len(content) + 1)])
        for place in rng.integers(0, min(len(damaged), rng.choice([60, 10**6])), rng.integers(1, 6)):
            damaged[place] = rng.integers(0, 256)
        try:
            decode(bytes(damaged), 'img', '.jpg', Limits(max_pixels=10**6), exif='apply')
        except Fault:
            pass


def _saved(kind):
    buffer = io.BytesIO()
    Image.fromarray(np.random.default_rng(0).integers(0, 256, (24, 24, 3), np.uint8)).save(buffer, kind)
    return buffer.getvalue()
