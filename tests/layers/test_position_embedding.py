import pytest
import torch

from eva_mm.layers import resize_position_embedding, sincos_position_embedding


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
        torch.testing.assert_close(sincos_position_embedding(table.shape[-1], (4, 4)), table, rtol=0, atol=1e-6)


def test_sincos_needs_multiples_of_four():
    with pytest.raises(ValueError, match='divisible by 4, got 6'):
        sincos_position_embedding(6, (2, 2))
