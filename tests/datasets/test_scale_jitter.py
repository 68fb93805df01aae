"""Against the rules of detectron2's ResizeShortestEdge, ResizeScale and FixedSizeCrop, and Pillow itself."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytest.importorskip('mmdet')
import mmdet.datasets.transforms  # noqa: F401
from mmcv.transforms import Compose
from mmdet.registry import TRANSFORMS
from mmengine.config import Config
from mmengine.registry import init_default_scope

from eva_mm.datasets.load_polygons import LoadPolygons
from eva_mm.datasets.scale_jitter import FixedSizeCrop, PillowResize, ScaleJitter

PIPELINES = Path(__file__).parents[2] / 'configs' / 'detection' / '_base_' / 'pipelines.py'
RNG = np.random.default_rng(0)


def picture(height, width):
    """A picture with fine detail, BGR."""
    return RNG.integers(0, 256, (height, width, 3), dtype=np.uint8)


def by_pillow(pixels, height, width):
    image = Image.fromarray(np.ascontiguousarray(pixels[..., ::-1]))
    return np.asarray(image.resize((width, height), Image.Resampling.BILINEAR))[..., ::-1]


@pytest.mark.parametrize(
    ('size', 'new_size'),
    [
        ((480, 640), (1152, 1536)),
        ((640, 480), (1536, 1152)),
        ((427, 640), (1025, 1536)),  # 1024.8
        ((333, 500), (1023, 1536)),  # 1022.98
        ((500, 500), (1536, 1536)),
        ((1, 3000), (1, 1536)),  # 0.512
        ((2000, 3000), (1024, 1536)),
    ],
)
def test_the_longest_side_is_the_bound(size, new_size):
    assert PillowResize((1536, 1536)).new_size(*size) == new_size


@pytest.mark.parametrize(('size', 'new_size'), [((480, 640), (800, 1067)), ((480, 960), (667, 1333))])
def test_unequal_bounds_are_of_the_shorter_and_the_longer_side(size, new_size):
    assert PillowResize((1333, 800)).new_size(*size) == new_size


@pytest.mark.parametrize('size', [(60, 90), (31, 17)])
def test_pixels_are_those_of_pillow(size):
    pixels = picture(*size)
    results = PillowResize((40, 40))(dict(img=pixels.copy()))
    height, width = results['img_shape']
    assert max(height, width) == 40
    assert np.array_equal(results['img'], by_pillow(pixels, height, width))
    assert results['scale_factor'] == (width / size[1], height / size[0])


def test_pixels_of_a_shrunk_image_are_averages():
    """OpenCV's bilinear filter, mmdet's default, reads four pixels of an area of 64."""
    pixels = picture(320, 480)
    results = PillowResize((60, 60))(dict(img=pixels.copy()))
    assert np.array_equal(results['img'], by_pillow(pixels, 40, 60))
    mmdet = TRANSFORMS.build(dict(type='mmdet.Resize', scale=(60, 60), keep_ratio=True))(dict(img=pixels.copy()))['img']
    assert np.abs(mmdet.astype(int) - results['img']).mean() > 20


@pytest.mark.parametrize('factor', [0.1, 0.37, 1.0, 1.9])
@pytest.mark.parametrize('size', [(480, 640), (427, 640), (640, 333), (125, 400)])
def test_jitter_fits_into_the_scaled_square(size, factor, monkeypatch):
    monkeypatch.setattr(np.random, 'uniform', lambda low, high: factor if (low, high) == (0.1, 2.0) else None)
    ratio = min(1280 * factor / size[0], 1280 * factor / size[1])
    expected = tuple(np.round(np.multiply(size, ratio)).astype(int))
    assert ScaleJitter((1280, 1280)).new_size(*size) == expected


def test_jitter_draws_all_factors():
    factors = [ScaleJitter((1000, 1000)).new_size(1000, 1000)[0] / 1000 for _ in range(400)]
    assert 0.1 <= min(factors) < 0.2 and 1.9 < max(factors) <= 2.0 and 0.9 < np.mean(factors) < 1.2


@pytest.mark.parametrize('share', [0.0, 0.3, 0.85, 1.0])
def test_the_crop_is_placed_by_one_number(share, monkeypatch):
    monkeypatch.setattr(np.random, 'uniform', lambda *bounds: share)
    pixels = picture(100, 180)
    results = FixedSizeCrop((64, 64))(dict(img=pixels))
    top, left = round(36 * share), round(116 * share)
    assert np.array_equal(results['img'], pixels[top : top + 64, left : left + 64])
    small = FixedSizeCrop((64, 64))(dict(img=pixels[:40, :50]))
    assert small['img_shape'] == (40, 50)


def instance(box, mask, **more):
    return dict(bbox=box, bbox_label=3, mask=mask, ignore_flag=0, **more)


def sample(*instances, size=(100, 200)):
    pixels = picture(*size)
    return dict(img=pixels, img_shape=size, ori_shape=size, height=size[0], width=size[1], img_id=1, img_path='x',
                instances=list(instances))  # fmt: skip


def jitter(side, masks, monkeypatch, flip=False, factor=1.0, share=0.0):
    """The training pipeline of the released detector, with its draws decided."""
    init_default_scope('mmdet')
    pipelines = Config.fromfile(PIPELINES).pipelines
    steps = pipelines[f'{"" if masks else "boxes_"}train_{side}'][1:]
    steps[1]['prob'] = float(flip)
    monkeypatch.setattr(np.random, 'uniform', lambda *bounds: factor if len(bounds) == 2 else share)
    return Compose([TRANSFORMS.build(step) for step in steps])


TRIANGLE = [20.3, 30.6, 90.7, 30.6, 55.5, 81.2]


@pytest.mark.parametrize('flip', [False, True])
@pytest.mark.parametrize('factor', [0.13, 0.5, 1.0])
def test_boxes_are_those_of_the_polygons(flip, factor, monkeypatch):
    """Also from a bad box of the annotator; bitmaps round to whole pixels."""
    packed = jitter(1024, True, monkeypatch, flip, factor)(sample(instance([0, 0, 150, 99], [TRIANGLE])))
    height, width = packed['data_samples'].img_shape
    xs, ys = np.array(TRIANGLE[0::2]), np.array(TRIANGLE[1::2])
    xs = (200 - xs if flip else xs) * width / 200
    ys = ys * height / 100
    found = packed['data_samples'].gt_instances.bboxes.tensor[0].numpy()
    assert found == pytest.approx([xs.min(), ys.min(), xs.max(), ys.max()], rel=1e-6)


def test_cropped_polygons_keep_their_part(monkeypatch):
    """Ten times as large as the crop: the left half of a square, and nothing of another object."""
    square = [400.0, 10.0, 600.0, 10.0, 600.0, 90.0, 400.0, 90.0]
    far = [900.0, 10.0, 950.0, 10.0, 950.0, 60.0]
    data = sample(instance([400, 10, 600, 90], [square]), instance([900, 10, 950, 60], [far]), size=(100, 1000))
    # 1024 wide at factor 2: 2048 x 205, of which 512 to 1536 are cut out
    packed = jitter(1024, True, monkeypatch, factor=2.0, share=0.0)(data)
    boxes = packed['data_samples'].gt_instances.bboxes.tensor.numpy()
    assert boxes[0] == pytest.approx([400 * 2.048, 20.5, 1024, 90 * 2.05], rel=1e-6) and len(boxes) == 1


@pytest.mark.parametrize('masks', [True, False])
def test_an_image_whose_objects_are_cropped_away_stays(masks, monkeypatch):
    far = [900.0, 10.0, 950.0, 10.0, 950.0, 60.0]
    data = sample(instance([900, 10, 950, 60], [far]), size=(100, 1000))
    packed = jitter(1024, masks, monkeypatch, factor=2.0, share=0.0)(data)
    assert len(packed['data_samples'].gt_instances) == 0
    assert packed['inputs'].shape == (3, 205, 1024)


def test_run_lengths_are_not_ignored():
    """mmdet ignores an object without polygons, wherever masks are kept as polygons."""
    run_lengths = dict(size=[4, 4], counts=[5, 2, 2, 2, 5])
    results = LoadPolygons()(sample(instance([1, 1, 3, 3], run_lengths), size=(4, 4)))
    assert results['gt_ignore_flags'].tolist() == [False]
    assert results['gt_masks'].masks.sum() == 4
    crowd = dict(instance([1, 1, 3, 3], run_lengths), ignore_flag=1)
    results = LoadPolygons()(sample(instance([0, 0, 3, 3], [[0, 0, 3, 0, 3, 3.0]]), crowd, size=(4, 4)))
    assert results['gt_masks'].masks[0][0].tolist() == [0, 0, 3, 0, 3, 3]
