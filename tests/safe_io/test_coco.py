"""What pycocotools can take. A wrong answer here ends the process in its C code."""

import numpy as np
import pytest

from eva_mm.safe_io.coco import check_annotations, check_objects, polygon_problem, rle_counts, rle_problem

mask_api = pytest.importorskip('pycocotools.mask')


def runs(mask):
    """Lengths of the runs of a mask, column by column, beginning with zeros."""
    lengths, current = [0], 0
    for value in mask.T.ravel():
        if value != current:
            lengths.append(0)
            current = value
        lengths[-1] += 1
    return lengths


@pytest.mark.parametrize('seed', range(40))
def test_compressed_codes_are_read_as_pycocotools_writes_them(seed):
    rng = np.random.default_rng(seed)
    mask = (rng.random(rng.integers(1, 90, 2)) < rng.random()).astype(np.uint8)
    mask = np.kron(mask, np.ones((1, 1 + 40 * (seed % 3)), np.uint8))
    code = mask_api.encode(np.asfortranarray(mask))
    assert rle_counts(code['counts']).tolist() == runs(mask)
    assert rle_counts(code['counts'].decode()).tolist() == runs(mask)
    assert not rle_problem(dict(code, size=list(mask.shape)), mask.shape)


@pytest.mark.parametrize(
    'code, message',
    [
        ({'size': [4, 4], 'counts': [0, 100]}, '100 pixels, and its size'),
        ({'size': [4, 4], 'counts': [3, 3]}, '6 pixels, and its size'),
        ({'size': [4, 4], 'counts': [-5, 21]}, 'cannot be read'),
        ({'size': [4, 4], 'counts': [2**40, 1]}, 'cannot be read'),
        ({'size': [4, 4], 'counts': [True, 15]}, 'cannot be read'),
        ({'size': [4, 4], 'counts': 'PPYo0'}, 'pixels, and its size'),
        ({'size': [4, 4], 'counts': '1'}, 'pixels, and its size'),
        ({'size': [4, 4], 'counts': 'oooo'}, 'cannot be read'),
        ({'size': [4, 4], 'counts': '\xff\xff'}, 'cannot be read'),
        ({'size': [4, 4], 'counts': 'o' * 8 + '0'}, 'cannot be read'),
        ({'size': [4, 4], 'counts': None}, 'cannot be read'),
        ({'size': [10**9, 10**9], 'counts': 'PPYo0'}, 'max_side'),
        ({'size': [-1, 5], 'counts': [1]}, 'no image'),
        ({'size': 'ab', 'counts': [1]}, 'expected'),
        ({'size': [4, 4]}, 'without counts or size'),
    ],
)
def test_codes_of_another_length_than_their_mask_are_named(code, message):
    assert message in rle_problem(code)


@pytest.mark.parametrize(
    'polygon',
    [
        [0, 0, 1e9, 0, 1e9, 1e9], [0, 0, float('nan'), 0, 5, 5], [0, 0, 1, float('inf'), 5, 5],
        [0, 0, 10**400, 0, 1, 1],
        [0.5, 0, 10**400, 0, 1, 1],
        [0, 1, 'a', 3], [0, 1, 2], 'abcd', None, [0, [1], 2, 3], [0.0, 0.0, 1e5, 1e5] * 1000,
    ],
)  # fmt: skip
def test_polygons_that_would_end_the_process_are_named(polygon):
    assert polygon_problem(polygon)


def test_sound_polygons_are_sound():
    assert not polygon_problem([0, 0, 640.5, 0, 640.5, 480, -3, 480])
    spiral = [float(value) for angle in range(3000) for value in (angle % 50, angle // 50)]
    assert not polygon_problem(spiral)


def annotated(**changes):
    annotation = {'id': 3, 'image_id': 1, 'category_id': 1, 'bbox': [0, 0, 5, 5], 'segmentation': [[0, 0, 5, 0, 5, 5]]}
    image = {'id': 1, 'width': 10, 'height': 8}
    for key, value in changes.items():
        (image if key in image else annotation)[key] = value
    return {'images': [image], 'annotations': [annotation]}


@pytest.mark.parametrize(
    'changes, message',
    [
        ({'bbox': [0, 0, float('inf'), 1]}, 'annotation 3 has the bbox'),
        ({'bbox': [0, 0, 1e10, 1]}, 'annotation 3 has the bbox'),
        ({'segmentation': [[0, 0, 1e9, 0, 1, 1]]}, 'annotation 3 has a segmentation that has a polygon'),
        ({'segmentation': {'size': [8, 10], 'counts': [0, 99]}}, 'annotation 3 has a segmentation that is a run-'),
        ({'width': 10**9}, 'image 1 has'),
        ({'height': 1.5}, 'image 1 has'),
    ],
)
def test_an_annotation_file_is_refused_by_its_entry(changes, message):
    check_annotations(annotated())
    with pytest.raises(ValueError, match=f'file.json: {message}'):
        check_annotations(annotated(**changes), 'file.json')


def test_objects_as_hosts_hand_them_over():
    for sound in ([[0, 0, 3, 0, 3, 3]], {'size': [4, 4], 'counts': [4, 12]}, np.array([[0, 0, 2, 2.0]])):
        check_objects(sound, 4, 4)
    for bad in ([[0, 0, float('nan'), 0, 3, 3]], {'size': [4, 4], 'counts': [4, 99]}, np.array([[0, 0, np.inf, 2.0]])):
        with pytest.raises(ValueError, match='A segmentation'):
            check_objects(bad, 4, 4)
    with pytest.raises(ValueError, match='max_side'):
        check_objects([[0, 0, 3, 0, 3, 3]], 10**9, 10**9)
