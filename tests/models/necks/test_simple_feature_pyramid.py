import pytest
import torch
from torch import nn

from eva_mm.layers import LayerNorm2d
from eva_mm.models.necks import SimpleFeaturePyramid
from tests.helpers.parity import assert_near


@pytest.mark.parametrize('name', ['det_vit_a.pt'])
@torch.no_grad()
def test_maps_match_the_released_code(reference, name):
    case = reference(name)
    dims = case['config']['net']['embed_dim']
    neck = SimpleFeaturePyramid(dims, case['config']['sfp']['out_channels']).eval()
    neck.load_state_dict({key: value for key, value in case['state_dict'].items() if not key.startswith('net.')})
    found = neck([case['outputs']['last_feat']])
    assert len(found) == 5
    for level, each in enumerate(found, start=2):
        assert_near(each, case['outputs'][f'p{level}'])


def test_strides():
    found = SimpleFeaturePyramid(16, 8)([torch.randn(1, 16, 6, 4)])
    assert [tuple(each.shape[2:]) for each in found] == [(24, 16), (12, 8), (6, 4), (3, 2), (2, 1)]


def test_five_levels_from_stride_8():
    maps = SimpleFeaturePyramid(16, 8, levels=(3, 4, 5, 6, 7))([torch.randn(1, 16, 12, 8)])
    assert [tuple(each.shape[2:]) for each in maps] == [(24, 16), (12, 8), (6, 4), (3, 2), (2, 1)]
    assert torch.equal(maps[3], maps[2][..., ::2, ::2]) and torch.equal(maps[4], maps[3][..., ::2, ::2])


def test_only_the_levels_wanted_exist():
    neck = SimpleFeaturePyramid(16, 8, levels=(3, 5, 6))
    assert {name.split('.')[0] for name in neck.state_dict()} == {'simfp_3', 'simfp_5'}
    assert [tuple(each.shape[2:]) for each in neck([torch.randn(1, 16, 6, 4)])] == [(12, 8), (3, 2), (2, 1)]


def test_levels_that_do_not_exist():
    for levels in ((1, 2), (4, 6), (3, 4, 5, 7), (7, 8)):
        with pytest.raises(ValueError, match='must be some of 2 to 7, where 6 needs 5 and 7 needs 6'):
            SimpleFeaturePyramid(16, 8, levels=levels)


def test_several_maps_are_refused():
    with pytest.raises(ValueError, match='takes one map, got 2'):
        SimpleFeaturePyramid(16, 8)([torch.zeros(1, 16, 4, 4)] * 2)


def test_layer_norm_of_a_map_is_that_of_its_channels():
    norm, x = LayerNorm2d(8), torch.randn(2, 8, 3, 5)
    nn.init.normal_(norm.weight)
    expected = nn.functional.layer_norm(x.permute(0, 2, 3, 1), (8,), norm.weight, norm.bias, 1e-6)
    torch.testing.assert_close(norm(x), expected.permute(0, 3, 1, 2))
