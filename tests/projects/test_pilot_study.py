import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch.nn import functional as F

pytest.importorskip('mmpretrain')
pytest.importorskip('open_clip')

PROJECT = str(Path(__file__).parents[2] / 'projects/pilot_study')


@pytest.fixture(scope='module')
def project():
    """The project's modules, as its commands see them; they register types, so they are imported once."""
    sys.path.insert(0, PROJECT)
    import make_codebook
    import pilot_heads

    sys.path.remove(PROJECT)
    return pilot_heads, make_codebook


def batch():
    tokens, target = torch.randn(2, 10, 8), torch.randn(2, 9, 4)
    mask = torch.zeros(2, 9, dtype=torch.bool)
    mask[0, :3] = mask[1, 5:] = True
    return tokens, target, mask


def test_heads(project, tmp_path):
    heads, _ = project
    tokens, target, mask = batch()
    codes = F.normalize(torch.randn(5, 4), dim=-1)
    torch.save(codes, tmp_path / 'codes.pt')

    tokenised = heads.TokenisedFeatureHead(codebook=str(tmp_path / 'codes.pt'), embed_dims=8, out_channels=5)
    nearest = F.cosine_similarity(target[mask][:, None], codes[None], dim=-1).argmax(dim=1)
    expected = F.cross_entropy(tokenised.lm_head(tokens[:, 1:][mask]), nearest)
    torch.testing.assert_close(tokenised.loss(tokens, target, mask)['loss'], expected)
    assert 'codes' not in tokenised.state_dict()

    distil = heads.DistillationHead(embed_dims=8, out_channels=4)
    expected = -F.cosine_similarity(distil.lm_head(tokens[:, 1:]), target, dim=-1).mean()
    torch.testing.assert_close(distil.loss(tokens, target, mask)['loss'], expected)

    assert np.array_equal(heads.NothingHidden(3)({})['mask'], np.zeros((3, 3), dtype=bool))

    with pytest.raises(FileNotFoundError, match='no codebook nowhere.pt: make it with make_codebook.py'):
        heads.TokenisedFeatureHead(codebook='nowhere.pt', embed_dims=8, out_channels=5)
    with pytest.raises(ValueError, match='has 5 codes, the head 6'):
        heads.TokenisedFeatureHead(codebook=str(tmp_path / 'codes.pt'), embed_dims=8, out_channels=6)


def test_kmeans_finds_separate_directions(project):
    _, make_codebook = project
    directions = torch.eye(4)
    features = F.normalize(directions.repeat(50, 1) + 0.05 * torch.randn(200, 4), dim=-1)
    centres = make_codebook.spherical_kmeans(features, 4)
    torch.testing.assert_close(centres.norm(dim=-1), torch.ones(4))
    # restarts of empty clusters leave every direction with a centre of its own
    assert ((directions @ centres.T).amax(dim=1) > 0.99).sum() >= 3
