import torch

from eva_mm.models.roi_heads.maskness import maskness
from tests.helpers.parity import assert_near


def test_scores_match_the_released_code(reference):
    case = reference('det_maskness_a.pt')
    masks, scores = case['inputs']['pred_masks'][:, 0], case['inputs']['scores']
    found = scores * maskness(masks, case['config']['maskness_thresh'])
    assert_near(found, case['outputs']['scores'], 1e-6)


def test_empty_mask_is_worth_nothing():
    assert maskness(torch.full((1, 4, 4), 0.5), 0.5).tolist() == [0.0]
