import numpy as np
import pytest

pytest.importorskip('mmpretrain')

from mmpretrain.datasets.transforms import RandomResizedCrop  # noqa: E402

from eva_mm.registry import TRANSFORMS  # noqa: E402

PIXELS = np.random.default_rng(0).integers(0, 256, (60, 90, 3), dtype=np.uint8)
# as they come from reading with Pillow, from mirroring, and from neither
VIEWS = {'plain': PIXELS, 'mirrored': PIXELS[:, ::-1], 'view of RGB': PIXELS[..., ::-1]}


@pytest.mark.parametrize('view', VIEWS)
@pytest.mark.parametrize(
    ('scale', 'ratios'), [(28, (0.2, 1.0)), ((20, 50), (0.08, 0.3)), (224, (0.9, 1.0))], ids=['down', 'oblong', 'up']
)
def test_draws_and_pixels_are_those_of_its_parent(view, scale, ratios):
    own = TRANSFORMS.build(dict(type='eva_mm.PillowRandomResizedCrop', scale=scale, crop_ratio_range=ratios))
    parent = RandomResizedCrop(scale, ratios, backend='pillow', interpolation='bicubic')
    for seed in range(5):
        results = []
        for transform in (own, parent):
            np.random.seed(seed)
            results.append(transform({'img': VIEWS[view]}))
        assert np.array_equal(results[0]['img'], results[1]['img'])
        assert results[0]['img_shape'] == results[1]['img_shape']
        assert results[0]['img'].flags.writeable


def test_when_no_crop_fits_the_middle_is_taken():
    own = TRANSFORMS.build(dict(type='eva_mm.PillowRandomResizedCrop', scale=14, max_attempts=0))
    parent = RandomResizedCrop(14, max_attempts=0, backend='pillow', interpolation='bicubic')
    tall = PIXELS.transpose(1, 0, 2)[:, :20]
    assert np.array_equal(own({'img': tall})['img'], parent({'img': np.ascontiguousarray(tall)})['img'])
