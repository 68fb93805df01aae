import pytest
import torch
from torch import nn

from eva_mm.layers import Attention, WindowAttention
from eva_mm.layers.relative_position import (
    DecomposedRelativePosition,
    relative_offsets,
    resize_relative_position,
)
from tests.helpers.parity import assert_near

MODES = {'vitdet': 'linear', 'beit': 'geometric'}


def random_tables(head_dims, grid, **kwargs):
    relative = DecomposedRelativePosition(head_dims, grid, **kwargs)
    for table in relative.parameters():
        nn.init.normal_(table)
    return relative


def plain_bias(relative, q, grid):
    """The N x N bias that the extra channels stand for."""
    height, width = grid
    rows = relative_offsets(relative.h, height, relative.resize_mode)
    columns = relative_offsets(relative.w, width, relative.resize_mode)
    y, x = torch.arange(height).repeat_interleave(width), torch.arange(width).repeat(height)
    along_rows = torch.einsum('bnqd,qkd->bnqk', q, rows[y][:, y])
    return along_rows + torch.einsum('bnqd,qkd->bnqk', q, columns[x][:, x])


def test_offsets_match_the_released_code(reference):
    compared = 0
    for case in reference('det_utils.pt')['outputs']['get_rel_pos']:
        # no model has queries and keys on different grids, so there is no code for it
        if case['q_size'] == case['k_size']:
            found = relative_offsets(case['table'], case['q_size'], MODES[case['interp_type']])
            assert_near(found, case['result'], 1e-6)
            compared += 1
    assert compared == 7


def test_bias_matches_the_released_code(reference):
    for case in reference('det_utils.pt')['outputs']['add_decomposed_rel_pos']:
        relative = DecomposedRelativePosition(6, (4, 4), MODES[case['interp_type']])
        relative.h.data, relative.w.data = case['rel_pos_h'], case['rel_pos_w']
        q, k, bias = relative(case['q'][:, None], torch.zeros_like(case['q'])[:, None], case['hw'])
        assert bias is None
        logits = 6**-0.5 * q @ k.transpose(-2, -1)
        assert_near(logits[:, 0], case['result'] - case['attn'])


@pytest.mark.parametrize('mode', ['linear', 'geometric'])
@pytest.mark.parametrize('fp32', [False, True])
def test_extra_channels_equal_the_plain_bias(mode, fp32):
    grid = (5, 7)
    relative = random_tables(8, (6, 6), resize_mode=mode)
    attention = Attention(16, 2, relative_position=relative, fp32=fp32)
    x = torch.randn(2, 35, 16)
    q, k, v = attention.qkv(x).view(2, 35, 3, 2, 8).permute(2, 0, 3, 1, 4)
    logits = 8**-0.5 * q @ k.transpose(-2, -1) + plain_bias(relative, q, grid)
    expected = attention.proj((logits.softmax(-1) @ v).transpose(1, 2).reshape(2, 35, 16))
    torch.testing.assert_close(attention(x, grid), expected, rtol=1e-5, atol=1e-6)


def test_zero_tables_change_nothing():
    attention = Attention(16, 2, relative_position=DecomposedRelativePosition(8, (4, 4)))
    x = torch.randn(2, 16, 16)
    found = attention(x, (4, 4))
    attention.rel_pos = None
    torch.testing.assert_close(found, attention(x, (4, 4)), rtol=1e-5, atol=1e-6)


def test_window_as_large_as_the_grid_equals_global_attention():
    relative = random_tables(8, (4, 4))
    window = WindowAttention(16, 2, 4, relative_position=relative)
    whole = Attention(16, 2, relative_position=relative)
    whole.load_state_dict(window.state_dict())
    x = torch.randn(2, 16, 16)
    torch.testing.assert_close(window(x, (4, 4)), whole(x, (4, 4)))


@pytest.mark.parametrize('mode', ['linear', 'geometric'])
def test_same_length_is_the_identity(mode):
    table = torch.randn(11, 3)
    assert resize_relative_position(table, 11, mode) is table


def test_geometric_resize_keeps_the_nearest_offsets():
    table = torch.randn(159, 2)
    found = resize_relative_position(table, 191, 'geometric')
    torch.testing.assert_close(found[94:97], table[78:81])


def test_gradient_reaches_both_tables():
    relative = random_tables(8, (6, 6))
    Attention(16, 2, relative_position=relative)(torch.randn(1, 20, 16), (4, 5)).sum().backward()
    assert all(table.grad.abs().sum() > 0 for table in relative.parameters())


def test_geometric_resize_cuts_the_gradient_as_released():
    """The released evaluation resizes outside of autograd; tables of the grid's own length are trained."""
    relative = random_tables(8, (4, 6), resize_mode='geometric')
    Attention(16, 2, relative_position=relative)(torch.randn(1, 20, 16), (4, 5)).sum().backward()
    assert relative.h.grad.abs().sum() > 0
    assert relative.w.grad is None


def test_unknown_mode():
    with pytest.raises(ValueError, match="got 'cubic'"):
        DecomposedRelativePosition(8, (4, 4), 'cubic')
    with pytest.raises(ValueError, match="got 'cubic'"):
        resize_relative_position(torch.zeros(7, 1), 9, 'cubic')


@pytest.mark.parametrize(('mode', 'size', 'warns'), [('linear', 9, 0), ('geometric', 9, 1), ('geometric', 4, 0)])
def test_training_a_geometrically_resized_table_is_not_silent(mode, size, warns, recwarn):
    """The release cuts its gradient; in evaluation nothing is said."""
    table = torch.randn(7, 8, requires_grad=True)
    with torch.no_grad():
        relative_offsets(table, size, mode)
    assert len(recwarn) == 0
    relative_offsets(table, size, mode)
    assert len(recwarn) == warns and all('is for evaluation' in str(each.message) for each in recwarn)
