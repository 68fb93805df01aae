import pytest
import torch

from eva_mm.layers import PatchEmbed, scale_gradient


def test_still_clip_equals_the_image():
    image, clip = PatchEmbed(3, 8, (4, 4)), PatchEmbed(3, 8, (1, 4, 4))
    clip.proj.weight.data = image.proj.weight.data.unsqueeze(2)
    clip.proj.bias.data = image.proj.bias.data
    x = torch.randn(2, 3, 8, 12)
    tokens, grid = image(x)
    clip_tokens, clip_grid = clip(x.unsqueeze(2).expand(-1, -1, 3, -1, -1))
    assert (grid, clip_grid) == ((2, 3), (3, 2, 3))
    torch.testing.assert_close(clip_tokens.view(2, 3, 6, 8), tokens.unsqueeze(1).expand(-1, 3, -1, -1))


@pytest.mark.parametrize('factor', [1.0, 0.1, 0.0])
def test_gradient_is_scaled_and_the_value_is_not(factor):
    embed = PatchEmbed(3, 8, (4, 4))
    scaled = PatchEmbed(3, 8, (4, 4), grad_scale=factor)
    scaled.load_state_dict(embed.state_dict())
    x = torch.randn(2, 3, 8, 8)
    torch.testing.assert_close(scaled(x)[0], embed(x)[0])
    embed(x)[0].square().sum().backward()
    if factor == 0:
        assert not scaled(x)[0].requires_grad
        return
    scaled(x)[0].square().sum().backward()
    torch.testing.assert_close(scaled.proj.weight.grad, factor * embed.proj.weight.grad)


def test_scale_one_is_the_same_tensor():
    x = torch.randn(2, requires_grad=True)
    assert scale_gradient(x, 1) is x


def test_refuses_a_size_that_patches_do_not_tile():
    with pytest.raises(ValueError, match=r'size \(8, 10\) cannot be cut into patches of \(4, 4\)'):
        PatchEmbed(3, 8, (4, 4))(torch.randn(1, 3, 8, 10))


@pytest.mark.parametrize('size', [(8, 8), (9, 15), (1, 4)])
def test_padding_is_zero_at_the_bottom_and_right(size):
    padding, plain = PatchEmbed(3, 8, (4, 4), pad=True), PatchEmbed(3, 8, (4, 4))
    plain.load_state_dict(padding.state_dict())
    x = torch.randn(2, 3, *size)
    whole = torch.zeros(2, 3, *(-(-side // 4) * 4 for side in size))
    whole[..., : size[0], : size[1]] = x
    found, expected = padding(x), plain(whole)
    assert found[1] == expected[1] and torch.equal(found[0], expected[0])


def test_frames_are_not_padded():
    with pytest.raises(ValueError, match=r'input of size \(3, 8, 8\) cannot be cut into patches of \(2, 4, 4\)'):
        PatchEmbed(3, 8, (2, 4, 4), pad=True)(torch.zeros(1, 3, 3, 6, 8))


def test_a_convolution_without_bias():
    assert PatchEmbed(3, 8, (4, 4), bias=False).proj.bias is None
