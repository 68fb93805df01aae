"""One rule for formats, pixels and sides."""

import io

import numpy as np
import pytest
from hostile import EPS, fake_ghostscript, png
from PIL import Image, UnidentifiedImageError

from eva_mm.safe_io.images import FORMATS, ImageSizeError, Limits, check_image, check_size, opened_image


def encoded(kind, size=(20, 10), mode='RGB'):
    buffer = io.BytesIO()
    Image.new(mode, size).save(buffer, kind)
    return buffer.getvalue()


@pytest.mark.parametrize('kind', FORMATS)
def test_every_format_is_read(kind, tmp_path):
    (tmp_path / 'x').write_bytes(encoded(kind))
    with opened_image(tmp_path / 'x') as image:
        assert image.size == (20, 10)
    check_image(encoded(kind))


def test_an_eps_under_another_name_starts_nothing(tmp_path, monkeypatch):
    canary = fake_ghostscript(tmp_path, monkeypatch)
    (tmp_path / 'x.jpg').write_bytes(EPS)
    with pytest.raises(UnidentifiedImageError, match='no known image format'):
        with opened_image(tmp_path / 'x.jpg') as image:
            image.load()
    with pytest.raises(ValueError, match='x.jpg is refused: no known image format'):
        check_image(EPS, 'x.jpg')
    assert not canary.exists()


@pytest.mark.parametrize(
    'size, message',
    [
        ((60_000, 1), 'the sides differ by more than max_ratio'),
        ((1, 60_000), 'the sides differ by more than max_ratio'),
        ((70_000, 600), 'a side is longer than max_side'),
        ((20_000, 9_000), 'exceeds limit|more than max_pixels'),
    ],
)
def test_too_many_pixels_or_too_long_sides_are_refused_before_decoding(size, message, monkeypatch):
    monkeypatch.setattr(Image.Image, 'load', lambda *_: pytest.fail('it was decoded'))
    with pytest.raises(ValueError, match=message):
        check_image(png(*size))


def test_limits_can_be_narrowed():
    check_size(100, 50)
    for limits in (Limits(max_pixels=4999), Limits(max_side=99), Limits(max_ratio=1.9)):
        with pytest.raises(ImageSizeError):
            check_size(100, 50, limits)
    with pytest.raises(ImageSizeError):
        check_size(0, 5)


def test_a_tiff_of_a_kind_that_pillow_has_no_mode_for_is_measured_all_the_same():
    content = bytearray(encoded('TIFF', (30, 20)))
    # 12 bits in each of the samples
    assert b'\x02\x01' in content
    pixels = np.zeros((20, 30, 3), np.uint16)
    cv2 = pytest.importorskip('cv2')
    _, deep = cv2.imencode('.tiff', pixels.astype(np.float64))
    with pytest.raises(UnidentifiedImageError), opened_image(deep.tobytes()):
        pass
    check_image(deep.tobytes())
    with pytest.raises(ValueError, match='max_pixels=10'):
        check_image(deep.tobytes(), limits=Limits(max_pixels=10))
