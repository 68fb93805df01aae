import numpy as np
import pytest
from PIL import Image

from eva_mm.datasets.pillow_rand_augment import OPERATIONS, PillowRandAugment

MEAN = (123, 117, 104)


@pytest.fixture(scope='module')
def image():
    """(60, 80, 3) uint8 RGB with smooth and sharp parts."""
    y, x = np.mgrid[:60, :80]
    colours = np.stack((x * 3, y * 4, 127 + 80 * np.sin(x / 9) * np.cos(y / 7)), axis=-1)
    colours[15:35, 20:45] = 255 - colours[15:35, 20:45]
    return colours.clip(0, 255).astype(np.uint8)


@pytest.mark.parametrize('level', [0.0, 3.3, 8.7, 9.0, 9.99])
@pytest.mark.parametrize('sign', [-1, 1])
def test_operations_equal_timms(image, level, sign, monkeypatch):
    timm = pytest.importorskip('timm.data.auto_augment')
    monkeypatch.setattr(timm, '_randomly_negate', lambda value: sign * value)
    theirs = timm.rand_augment_transform(
        'rand-m9-mstd0.5-inc1', {'img_mean': MEAN, 'interpolation': Image.Resampling.BICUBIC}
    )
    picture = Image.fromarray(image)
    for ours, op in zip(OPERATIONS, theirs.ops, strict=True):
        op.prob, op.magnitude, op.magnitude_std = 1.0, level, 0.0
        actual = np.asarray(ours(picture, level / 10, sign, MEAN)).astype(int)
        # the last bit of a matrix may be rounded otherwise
        assert np.abs(actual - np.asarray(op(picture))).max() <= 1, op.name


def test_the_strongest_posterisation_is_black(image):
    assert not np.asarray(OPERATIONS[4](Image.fromarray(image), 1.0, 1, MEAN)).any()


def test_odds(image):
    np.random.seed(0)
    augment = PillowRandAugment()
    touched = sum(not np.array_equal(augment({'img': image.copy()})['img'], image) for _ in range(200))
    # two operations, each acting half of the time, and none of them changes nothing here but by chance
    assert 0.65 < touched / 200 < 0.8


def test_nothing_happens_without_a_chance_and_bgr_stays_bgr(image):
    assert np.array_equal(PillowRandAugment(prob=0.0)({'img': image.copy()})['img'], image)
    assert 'magnitude=9' in repr(PillowRandAugment())


def test_mirrored_and_plain_arrays_are_augmented_alike(image):
    """A flip hands on a view; what follows must not depend on how the pixels lie in memory."""
    results = []
    for pixels in (image[:, ::-1], np.ascontiguousarray(image[:, ::-1])):
        np.random.seed(1)
        results.append(PillowRandAugment(prob=1.0)({'img': pixels})['img'])
    assert np.array_equal(*results) and results[0].flags.writeable


def test_the_fill_is_given_in_rgb(image, monkeypatch):
    monkeypatch.setattr('eva_mm.datasets.pillow_rand_augment.OPERATIONS', (OPERATIONS[-1],))
    monkeypatch.setattr(np.random, 'choice', lambda values: 1)
    out = PillowRandAugment(magnitude=10, magnitude_std=0, prob=1.0, num_operations=1)({'img': image.copy()})['img']
    assert tuple(out[-1, 0]) == MEAN[::-1]
