import random
import statistics

import numpy as np
import pytest

from eva_mm.datasets import BlockwiseMask, EvenPatchMask


def _masker(args):
    return BlockwiseMask(
        args['input_size'], args['num_masking_patches'], args['min_num_patches'], args['max_num_patches']
    )


def test_masks_equal_the_released_ones(reference):
    for case in reference('masking_generator.json')['cases']:
        masker = _masker(case['args'])
        for exact in case['exact_masks']:
            random.seed(exact['seed'])
            for expected in exact['masks']:
                assert ''.join(str(int(cell)) for cell in masker.draw().flat) == expected


def test_counts_of_the_released_settings(reference):
    case = reference('masking_generator.json')['cases'][0]
    masker = _masker(case['args'])
    random.seed(case['python_random_seed'])
    counts = [int(masker.draw().sum()) for _ in range(case['n_masks'])]
    assert statistics.mean(counts) == pytest.approx(case['mean_count'])
    assert {str(count): counts.count(count) for count in set(counts)} == case['count_histogram']
    assert max(counts) == 105


def test_exact_mode_always_hides_the_number_asked_for():
    masker = BlockwiseMask(exact=True)
    random.seed(0)
    assert {int(masker.draw().sum()) for _ in range(200)} == {105}


def test_even_mask_hides_every_second_patch():
    mask = EvenPatchMask(4)({})['mask']
    assert mask.shape == (4, 4) and mask.flat[0] and not mask.flat[1]
    assert mask.sum() == 8


def test_transform_adds_the_mask():
    results = BlockwiseMask((4, 6), 10, min_block=2)({'img': 1})
    assert results['img'] == 1
    assert results['mask'].shape == (4, 6) and results['mask'].dtype == np.bool_


def test_refuses_more_than_there_is():
    with pytest.raises(ValueError, match='must lie between 1 and the 16 patches'):
        BlockwiseMask(4, 17)
