import torch

from eva_mm.models.roi_heads.maskness import maskness


def test_scores_match_the_released_code(reference):
    case = reference('det_maskness_a.pt')
    masks, scores = case['inputs']['pred_masks'][:, 0], case['inputs']['scores']
    found = scores * maskness(masks, case['config']['maskness_thresh'])
    torch.testing.assert_close(found, case['outputs']['scores'], rtol=1e-5, atol=1e-6)


def test_empty_mask_is_worth_nothing():
    assert maskness(torch.full((1, 4, 4), 0.5), 0.5).tolist() == [0.0]
