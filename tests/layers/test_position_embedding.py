import pytest
import torch
from torch.nn import functional as F

from eva_mm.layers import resize_position_embedding, sincos_position_embedding
from eva_mm.layers.position_embedding import RESIZE_RULES
from tests.helpers.parity import assert_near


def test_same_grid_is_the_identity():
    table = torch.randn(1, 17, 8)
    assert resize_position_embedding(table, (4, 4), (4, 4)) is table


@pytest.mark.parametrize('grid, new_grid', [((4, 4), (6, 5)), ((2, 4, 4), (4, 4, 4))])
def test_class_row_is_kept_and_a_constant_stays_constant(grid, new_grid):
    rows, new_rows = torch.tensor(grid).prod(), torch.tensor(new_grid).prod()
    table = torch.full((1, 1 + rows, 8), 0.5, dtype=torch.float64)
    table[:, 0] = 7
    new = resize_position_embedding(table, grid, new_grid)
    assert new.shape == (1, 1 + new_rows, 8) and new.dtype == torch.float64
    assert (new[:, 0] == 7).all()
    torch.testing.assert_close(new[:, 1:], torch.full_like(new[:, 1:], 0.5), rtol=0, atol=1e-6)


def test_half_precision_tables_are_resized_in_fp32():
    table = torch.randn(1, 17, 8)
    half = resize_position_embedding(table.half(), (4, 4), (6, 6))
    assert half.dtype == torch.float16
    assert torch.equal(half, resize_position_embedding(table.half().float(), (4, 4), (6, 6)).half())


def test_refuses_a_table_of_another_grid():
    with pytest.raises(ValueError, match='26 rows are expected'):
        resize_position_embedding(torch.zeros(1, 17, 8), (5, 5), (6, 6))


def test_sincos_matches_the_released_tables(reference):
    data = reference('mae_pretrain_a.pt')['outputs']
    for table in (data['init_pos_embed'], data['init_decoder_pos_embed']):
        assert_near(sincos_position_embedding(table.shape[-1], (4, 4)), table, 1e-6)


def test_sincos_needs_multiples_of_four():
    with pytest.raises(ValueError, match='divisible by 4, got 6'):
        sincos_position_embedding(6, (2, 2))


@pytest.mark.parametrize('rule', RESIZE_RULES)
@pytest.mark.parametrize('new_grid', [(6, 6), (3, 7)])
def test_rules_are_those_of_the_families(rule, new_grid):
    """DINOv2 without registers takes its scale from sides that are 0.1 longer; its size stays."""
    table = torch.randn(1, 1 + 16, 8)
    found = resize_position_embedding(table, (4, 4), new_grid, rule=rule)
    options = dict(mode=rule.split('_')[0], align_corners=False, antialias=rule.endswith('antialias'))
    if rule == 'bicubic_offset':
        options['scale_factor'] = tuple(float(side + 0.1) / 4 for side in new_grid)
    else:
        options['size'] = new_grid
    expected = F.interpolate(table[:, 1:].reshape(1, 4, 4, 8).permute(0, 3, 1, 2), **options)
    assert expected.shape[2:] == new_grid
    torch.testing.assert_close(found[:, 1:], expected.permute(0, 2, 3, 1).flatten(1, 2))
    assert torch.equal(found[:, :1], table[:, :1])


def test_a_table_without_rows_in_front():
    table = torch.randn(1, 16, 8)
    found = resize_position_embedding(table, (4, 4), (2, 2), 0)
    assert torch.equal(found, resize_position_embedding(torch.cat((table[:, :1], table), 1), (4, 4), (2, 2))[:, 1:])
