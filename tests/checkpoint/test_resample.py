import pytest
import torch

from eva_mm.checkpoint import resample
from eva_mm.layers import PatchEmbed
from tests.helpers.parity import assert_near


def exact(actual, expected):
    assert_near(actual, expected, 1e-6)


def test_patch_kernel_equals_the_released_script(reference):
    data = reference('resample.pt')['patch_14_to_16']
    exact(resample.resize_patch_kernel(data['old'], (16, 16)), data['new'])


@pytest.mark.parametrize(
    'case, grid, new_grid',
    [
        ('positions_16_to_14', (16, 16), (14, 14)),
        ('positions_4_to_6', (4, 4), (6, 6)),
        ('positions_6_to_4_half', (6, 6), (4, 4)),
        ('clip_positions_4_to_8', (4, 4, 4), (8, 4, 4)),
    ],
)
def test_positions_equal_the_released_loaders(reference, case, grid, new_grid):
    data = reference('resample.pt')[case]
    exact(resample.resize_positions(data['old'], grid, new_grid), data['new'])


def test_the_released_script_of_eva02_clip(reference):
    data = reference('eva02/interp_14to16_a.pt')
    old, new = data['state_dict'], data['outputs']
    exact(resample.resize_positions(old['pos_embed'], (16, 16), (14, 14)), new['pos_embed'])
    exact(resample.resize_patch_kernel(old['patch_embed.proj.weight'], (16, 16)), new['patch_embed.proj.weight'])


def test_relative_table_equals_the_released_loader(reference):
    data = reference('resample.pt')['relative_table_4_to_6']
    exact(resample.resize_relative_position_table(data['old'], (4, 4), (6, 6)), data['new'])


@pytest.mark.parametrize('tubelet', [1, 2])
def test_inflation_equals_the_released_video_code(reference, tubelet):
    data = reference('resample.pt')[f'inflate_tubelet{tubelet}']
    exact(resample.inflate_patch_kernel(data['kernel'], tubelet), data['new_kernel'])
    exact(resample.resize_positions(data['old'], (4, 4), (4 // tubelet, 4, 4)), data['new'])


def test_a_still_clip_gives_the_tokens_of_the_image():
    image, tubelet = PatchEmbed(3, 8, (4, 4)), PatchEmbed(3, 8, (2, 4, 4))
    tubelet.proj.weight.data = resample.inflate_patch_kernel(image.proj.weight.data, 2)
    tubelet.proj.bias.data = image.proj.bias.data
    x = torch.randn(1, 3, 8, 8)
    tokens, _ = image(x)
    clip_tokens, grid = tubelet(x[:, :, None].expand(-1, -1, 4, -1, -1))
    assert grid == (2, 2, 2)
    torch.testing.assert_close(clip_tokens, tokens.repeat(1, 2, 1))


def test_clip_kernels_are_resized_frame_by_frame():
    weight = torch.randn(4, 3, 2, 14, 14)
    resized = resample.resize_patch_kernel(weight, (16, 16))
    assert resized.shape == (4, 3, 2, 16, 16)
    for frame in range(2):
        exact(resized[:, :, frame], resample.resize_patch_kernel(weight[:, :, frame], (16, 16)))


def test_same_sizes_are_the_identity():
    kernel, table, relative = torch.randn(4, 3, 14, 14), torch.randn(1, 17, 8), torch.randn(52, 4)
    assert torch.equal(resample.resize_patch_kernel(kernel, (14, 14)), kernel)
    assert torch.equal(resample.resize_positions(table, (4, 4), (4, 4)), table)
    assert torch.equal(resample.resize_relative_position_table(relative, (4, 4), (4, 4)), relative)


def test_relative_table_of_a_rectangle_keeps_a_constant_and_the_class_rows():
    table = torch.full((5 * 7 + 3, 2), 0.5)
    table[-3:] = torch.arange(6.0).view(3, 2)
    resized = resample.resize_relative_position_table(table, (3, 4), (5, 6))
    assert resized.shape == (9 * 11 + 3, 2)
    exact(resized[:-3], torch.full((99, 2), 0.5))
    assert torch.equal(resized[-3:], table[-3:])


def test_refusals():
    with pytest.raises(ValueError, match='no square grid'):
        resample.square_grid(15)
    with pytest.raises(ValueError, match='52'):
        resample.resize_relative_position_table(torch.zeros(50, 2), (4, 4), (6, 6))
