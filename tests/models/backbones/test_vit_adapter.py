import pytest
import torch
from mmcv.ops import MultiScaleDeformableAttention

from eva_mm.models.backbones.vit_adapter import ConvFFN, Extractor, Injector, SpatialPrior, TokenMaps, to_tokens
from tests.helpers.parity import assert_near

GRIDS = [(6, 4), (3, 2), (2, 1)]
MAPS = TokenMaps(GRIDS, torch.device('cpu'))
PATCHES = TokenMaps([(3, 2)], torch.device('cpu'))


def _prior(dims=32):
    return torch.randn(2, 32, dims)


def test_deformable_attention_is_that_of_the_released_code(reference):
    golden = reference('seg_msdeform_a.pt')
    config, inputs, outputs = golden['config'], golden['inputs'], golden['outputs']
    attention = MultiScaleDeformableAttention(
        config['d_model'], config['n_heads'], config['n_levels'], config['n_points'],
        dropout=0.0, batch_first=True, value_proj_ratio=config['ratio'],
    )  # fmt: skip
    assert torch.equal(attention.sampling_offsets.bias, outputs['init_sampling_offsets_bias'])
    attention.load_state_dict(golden['state_dict'])
    query, feat = inputs['query'].requires_grad_(), inputs['input_flatten'].requires_grad_()
    shapes = inputs['spatial_shapes']
    sizes = shapes.prod(1)
    out = attention(
        query,
        value=feat,
        identity=query.new_zeros(()),
        reference_points=inputs['reference_points'],
        spatial_shapes=shapes,
        level_start_index=sizes.cumsum(0) - sizes,
    )
    assert_near(out, outputs['output'])
    out.backward(inputs['grad_output'])
    assert_near(query.grad, outputs['grad_query'])
    assert_near(feat.grad, outputs['grad_input_flatten'])


def test_token_maps_say_where_tokens_lie():
    assert MAPS.shapes.tolist() == [list(grid) for grid in GRIDS]
    assert MAPS.starts.tolist() == [0, 24, 30]
    assert MAPS.centres.shape == (1, 32, 1, 2)
    assert MAPS.centres[0, 5, 0].tolist() == pytest.approx([1.5 / 4, 1.5 / 6])
    assert MAPS.centres[0, -1, 0].tolist() == pytest.approx([0.5, 0.75])


def test_splitting_undoes_joining():
    maps = [torch.randn(2, 5, *grid) for grid in GRIDS]
    for before, after in zip(maps, MAPS.split(to_tokens(maps))):
        assert torch.equal(before, after)


def test_maps_of_one_image_have_right_gradients_in_a_batch_norm():
    # a transposed view of a single image makes torch's CPU kernel return wrong ones
    tokens, weights = torch.randn(1, 24, 8, requires_grad=True), torch.randn(1, 8, 6, 4)
    norm = torch.nn.BatchNorm2d(8).eval()
    (norm(TokenMaps([(6, 4)], tokens.device).split(tokens)[0]) * weights).sum().backward()
    torch.testing.assert_close(norm.bias.grad, weights.sum(dim=(0, 2, 3)))


@pytest.mark.parametrize('grid', [(2, 4), (3, 5)])
def test_prior_has_four_strides(grid):
    prior = SpatialPrior(16, 8, torch.nn.BatchNorm2d)
    maps = prior(torch.randn(2, 3, 16 * grid[0], 16 * grid[1]))
    for side, factor in ((4, 4), (2, 2), (1, 1)):
        assert maps[{4: 0, 2: 1, 1: 2}[side]].shape == (2, 16, grid[0] * factor, grid[1] * factor)
    assert maps[3].shape == (2, 16, -(-grid[0] // 2), -(-grid[1] // 2))


def test_feed_forward_net_convolves_each_map_by_itself():
    ffn = ConvFFN(32, 8)
    tokens = _prior()
    changed = tokens.clone()
    changed[:, 24:30] += 1
    difference = (ffn(changed, MAPS) - ffn(tokens, MAPS)).abs().sum(dim=(0, 2))
    assert difference[24:30].min() > 0
    assert difference[:24].max() == 0 and difference[30:].max() == 0


def test_a_new_injector_leaves_the_tokens_as_they_are():
    patches = torch.randn(2, 6, 32)
    assert torch.equal(Injector(32, 4)(patches, PATCHES, _prior(), MAPS), patches)


@pytest.mark.parametrize('kind', [Injector, Extractor])
@pytest.mark.parametrize('way', [True, 'selective'])
def test_checkpointing_changes_nothing(kind, way):
    plain, thrifty = kind(32, 4), kind(32, 4, with_cp=way)
    if kind is Injector:
        plain.gamma.data.normal_()
    thrifty.load_state_dict(plain.state_dict())
    query, maps = (torch.randn(2, 6, 32), PATCHES) if kind is Injector else (_prior(), MAPS)
    feat, feat_maps = (_prior(), MAPS) if kind is Injector else (torch.randn(2, 6, 32), PATCHES)
    outs = [module(query, maps, feat, feat_maps) for module in (plain, thrifty)]
    assert torch.equal(*outs)
    for out in outs:
        out.square().sum().backward()
    for (name, one), other in zip(plain.named_parameters(), thrifty.parameters()):
        torch.testing.assert_close(one.grad, other.grad, msg=name)
