import pytest
import torch
from mmcv.ops import MultiScaleDeformableAttention
from mmcv.ops.multi_scale_deform_attn import MultiScaleDeformableAttnFunction
from torch.autograd import gradcheck
from torch.utils.checkpoint import checkpoint

from eva_mm.compat.mmcv_ops import deform_attention
from eva_mm.compat.mmcv_ops.deform_attention import multi_scale_deformable_attention
from tests.helpers.parity import assert_near

SHAPES = torch.tensor([[3, 4], [2, 2]])
START = torch.tensor([0, 12])


@pytest.fixture
def inputs():
    value = torch.randn(2, 16, 3, 2)
    locations = torch.rand(2, 5, 3, 2, 4, 2) * 1.4 - 0.2
    weights = torch.rand(2, 5, 3, 2, 4)
    return [tensor.double().requires_grad_() for tensor in (value, locations, weights)]


def test_golden(golden):
    case = golden['ms_deform_attn']
    layer = MultiScaleDeformableAttention(
        32, num_heads=4, num_levels=3, num_points=4, value_proj_ratio=0.5, batch_first=True
    ).eval()
    layer.load_state_dict(case['state_dict'])
    output = layer(
        case['q'],
        value=case['v'],
        identity=torch.zeros_like(case['q']),
        reference_points=case['ref'],
        spatial_shapes=case['shapes'],
        level_start_index=case['start'],
    )
    assert_near(output, case['y'])


def one_by_one(value, locations, weights):
    """Attention as four nested sums over pixels; zeros outside a level."""
    batch, _, heads, width = value.shape
    output = value.new_zeros(batch, locations.size(1), heads, width)
    for b, q, h, level, p in torch.ones(weights.shape).nonzero().tolist():
        rows, columns = SHAPES[level].tolist()
        x, y = (locations[b, q, h, level, p] * SHAPES[level].flip(0) - 0.5).unbind()
        for row in range(rows):
            for column in range(columns):
                share = (1 - (y - row).abs()).clamp(0) * (1 - (x - column).abs()).clamp(0)
                token = value[b, START[level] + row * columns + column, h]
                output[b, q, h] += weights[b, q, h, level, p] * share * token
    return output.flatten(2)


def test_definition(inputs):
    value, locations, weights = (tensor.detach() for tensor in inputs)
    expected = one_by_one(value, locations, weights)
    torch.testing.assert_close(multi_scale_deformable_attention(value, SHAPES, locations, weights), expected)
    torch.testing.assert_close(
        MultiScaleDeformableAttnFunction.apply(value, SHAPES, START, locations, weights, 64), expected
    )


def test_gradients(inputs):
    value, locations, weights = inputs
    assert gradcheck(lambda v, x, w: multi_scale_deformable_attention(v, SHAPES, x, w), inputs, fast_mode=True)
    assert gradcheck(
        lambda v, x, w: MultiScaleDeformableAttnFunction.apply(v, SHAPES, START, x, w, 64), inputs, fast_mode=True
    )


def test_queries_in_parts_are_the_same(inputs, monkeypatch):
    def run():
        output = multi_scale_deformable_attention(inputs[0], SHAPES, *inputs[1:])
        return output, *torch.autograd.grad(output.square().sum(), inputs)

    whole = run()
    monkeypatch.setattr(deform_attention, 'TOKENS_AT_ONCE', 4 * 2 * 3 * 2 * 4 * 2)  # two queries
    assert len(list(deform_attention._parts(inputs[1]))) == 3
    torch.testing.assert_close(run(), whole)


def test_activation_checkpointing_changes_nothing(inputs):
    def attend(value, locations, weights):
        return multi_scale_deformable_attention(value, SHAPES, locations, weights)

    whole = torch.autograd.grad(attend(*inputs).square().sum(), inputs)
    again = torch.autograd.grad(checkpoint(attend, *inputs, use_reentrant=False).square().sum(), inputs)
    torch.testing.assert_close(again, whole)


def test_memory_does_not_grow_with_the_queries():
    """No part has more members than allowed, whatever the number of queries."""
    for queries in (1, 1000, 10**5):
        locations = torch.empty(2, queries, 8, 3, 4, 2, device='meta')
        for part in deform_attention._parts(locations):
            assert 4 * locations[:, part, ..., 0].numel() <= deform_attention.TOKENS_AT_ONCE


def test_locations_far_outside_count_nothing(inputs):
    value, locations, weights = inputs
    with torch.no_grad():
        output = multi_scale_deformable_attention(value, SHAPES, locations * 0 + 1e12, weights)
    assert torch.equal(output, torch.zeros_like(output))


def test_half_precision(inputs):
    value, locations, weights = (tensor.detach().half() for tensor in inputs)
    expected = multi_scale_deformable_attention(value.float(), SHAPES, locations.float(), weights.float())
    result = multi_scale_deformable_attention(value, SHAPES, locations, weights)
    assert torch.equal(result, expected.half())
