import dataclasses

import pytest

from eva_mm.layers.rotary import Rotary
from eva_mm.models.backbones import EVAMAEViT, EVAViT
from eva_mm.models.backbones.arch_zoo import ARCH_ZOO, SIZES, Arch, resolve_arch

NAMES = (
    'nano tiny small base large giant eva02-tiny eva02-small eva02-base eva02-large eva02-clip-base eva02-clip-large '
    'eva02-clip-enormous dinov2-small dinov2-base dinov2-large dinov2-giant dinov2-small-reg dinov2-base-reg '
    'dinov2-large-reg dinov2-giant-reg dinov3-small dinov3-small-plus dinov3-base dinov3-large dinov3-huge-plus '
    'dinov3-7b clip-base clip-large open-clip-base open-clip-large open-clip-huge siglip-base siglip-so400m '
    'siglip2-base siglip2-so400m siglip2-giant pe-core-base pe-core-large'
)


def test_every_family_is_a_row():
    assert list(ARCH_ZOO) == NAMES.split()
    for name, row in ARCH_ZOO.items():
        assert row.embed_dims % row.num_heads == 0 and row.embed_dims // row.num_heads % 4 == 0, name
        assert not row.pool_heads or row.embed_dims % row.pool_heads == 0, name


def test_a_dict_with_the_four_sizes_is_an_eva_of_that_size():
    sizes = dict(zip(SIZES, (16, 2, 2, 32)))
    assert resolve_arch(sizes) == Arch(16, 2, 2, 32)
    assert resolve_arch({**sizes, 'mlp': 'swiglu'}).mlp == 'swiglu'


def test_a_dict_with_a_name_replaces_entries():
    row = resolve_arch(dict(name='eva02-large', num_layers=4))
    assert row == dataclasses.replace(ARCH_ZOO['eva02-large'], num_layers=4)
    turned = resolve_arch(dict(name='eva02-large', rotary=dict(span=6)))
    assert turned.rotary == Rotary(span=6) and resolve_arch(dict(name='base', rotary=dict(base=9))).rotary == Rotary(9)
    assert resolve_arch(dict(name='dinov3-base', rotary=None)).rotary is None


def test_what_is_given_overrules_the_task_and_the_task_the_row():
    assert resolve_arch('eva02-base').rotary.span == 16 and resolve_arch('eva02-base', 'mim').rotary.span is None
    assert resolve_arch(dict(name='eva02-base', rotary=dict(span=3)), 'mim').rotary.span == 3
    assert resolve_arch('large', 'mae').qkv_bias == 'full'
    assert resolve_arch('large', 'mae', qkv_bias='qv').qkv_bias == 'qv'
    assert not resolve_arch('base', 'adapter').cls_position and resolve_arch('dinov2-base', 'adapter').cls_position


def test_entries_are_arguments_too():
    sizes = dict(zip(SIZES, (16, 1, 2, 32)))
    model = EVAViT(sizes, 28, qkv_bias='full', layer_scale_init_value=0.5)
    assert model.blocks[0].attn.qkv.bias is not None and model.blocks[0].gamma_1[0] == 0.5
    assert EVAMAEViT(arch=sizes, img_size=28, qkv_bias='qv').blocks[0].attn.qkv.bias is None


@pytest.mark.parametrize(
    ('build', 'message'),
    [
        (lambda: EVAViT('dinov3-bas'), "arch='dinov3-bas' is unknown: choose from nano, .*Did you mean dinov3-base"),
        (lambda: EVAViT('eva2-large'), 'Did you mean .*eva02-large'),
        (lambda: EVAViT(dict(name='huge')), "arch='huge' is unknown"),
        (lambda: EVAViT(dict(name='base', num_layer=3)), "'num_layer' is neither .*Did you mean num_layers"),
        (lambda: EVAViT(drop_pth_rate=0.1), "'drop_pth_rate' is neither an argument nor an entry of the arch"),
        (lambda: EVAViT(dict(name='eva02-base', rotary=dict(spam=3))), "'spam' is neither .*Did you mean span"),
        (lambda: EVAViT(dict(embed_dims=8)), 'expected exactly embed_dims, num_layers, num_heads'),
        (lambda: EVAViT(dict(name='base', mlp='relu', num_layers=1)), "mlp='relu' is unknown"),
    ],
)
def test_bad_input_is_one_sentence(build, message):
    with pytest.raises(ValueError, match=message):
        build()
