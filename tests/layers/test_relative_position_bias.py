import pytest
import torch

from eva_mm.checkpoint.resample import resize_relative_position_table
from eva_mm.layers import Attention
from eva_mm.layers.relative_position_bias import RelativePositionBias


def _bias(module, grid, heads=2):
    tokens = torch.zeros(1, heads, 1 + grid[0] * grid[1], 4)
    return module(tokens, tokens, grid)[2][0]


def _made(grid, heads=2):
    module = RelativePositionBias(heads, grid)
    torch.nn.init.normal_(module.relative_position_bias_table)
    return module


@pytest.mark.parametrize('grid', [(3, 3), (2, 4), (1, 3)])
def test_each_pair_reads_the_row_of_its_distance(grid):
    module = _made(grid)
    table, bias = module.relative_position_bias_table, _bias(module, grid)
    height, width = grid
    for query in range(height * width):
        for key in range(height * width):
            rows = query // width - key // width + height - 1
            columns = query % width - key % width + width - 1
            row = rows * (2 * width - 1) + columns
            assert torch.equal(bias[:, 1 + query, 1 + key], table[row])
    assert torch.equal(bias[:, 0, 1:], table[-3][:, None].expand_as(bias[:, 0, 1:]))
    assert torch.equal(bias[:, 1:, 0], table[-2][:, None].expand_as(bias[:, 1:, 0]))
    assert torch.equal(bias[:, 0, 0], table[-1])


def test_a_table_of_zeros_changes_nothing():
    plain, biased = Attention(8, 2), Attention(8, 2, relative_position=RelativePositionBias(2, (3, 3)))
    biased.load_state_dict(plain.state_dict(), strict=False)
    x = torch.randn(2, 10, 8)
    torch.testing.assert_close(plain(x, (3, 3)), biased(x, (3, 3)))


def test_the_whole_table_gets_a_gradient():
    module = _made((3, 4))
    _bias(module, (3, 4)).sum().backward()
    assert module.relative_position_bias_table.grad.min() > 0
    # the longest distance occurs once, distance zero once for each patch
    middle = (module.relative_position_bias_table.shape[0] - 3) // 2
    assert module.relative_position_bias_table.grad[0].tolist() == [1, 1]
    assert module.relative_position_bias_table.grad[middle].tolist() == [12, 12]


def test_on_a_smaller_grid_distances_keep_their_meaning():
    module = _made((4, 5))
    large, small = _bias(module, (4, 5)), _bias(module, (2, 3))
    patches = [1 + row * 5 + column for row in range(2) for column in range(3)]
    torch.testing.assert_close(small[:, 1:, 1:], large[:, patches][:, :, patches])


def test_on_a_larger_grid_the_table_is_stretched_as_when_it_is_loaded():
    """As the released loaders do: a model that runs on another grid is a model made for that grid."""
    module, loaded = _made((4, 5)), RelativePositionBias(2, (9, 7))
    table = resize_relative_position_table(module.relative_position_bias_table, (4, 5), (9, 7))
    loaded.relative_position_bias_table.data.copy_(table)
    torch.testing.assert_close(_bias(module, (9, 7)), _bias(loaded, (9, 7)), rtol=1e-5, atol=1e-5)


def test_every_grid_gives_a_symmetric_table_a_symmetric_bias():
    module = RelativePositionBias(1, (3, 3))
    maps = torch.tensor([[4.0, 3, 2, 3, 4]]) + torch.tensor([[4.0], [3], [2], [3], [4]])
    module.relative_position_bias_table.data[:-3, 0] = maps.flatten()
    for grid in ((3, 3), (2, 2), (5, 4)):
        bias = _bias(module, grid, heads=1)[0, 1:, 1:]
        torch.testing.assert_close(bias, bias.T)
        assert bias.argmin(dim=1).tolist() == list(range(grid[0] * grid[1]))
