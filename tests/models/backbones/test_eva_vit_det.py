import re

import pytest
import torch

from eva_mm.models.backbones import EVAViTDet
from tests.helpers.parity import assert_near

MODES = {'vitdet': 'linear', 'beit': 'geometric'}
TINY = dict(embed_dims=32, num_layers=4, num_heads=4, feedforward_channels=48)
SIZES = dict(arch=TINY, img_size=64, window_size=4, rel_pos_img_size=96)


def released(case, arch_of):
    """Our backbone with the weights of a golden file."""
    net = case['config']['net']
    backbone = EVAViTDet(
        arch=arch_of(net),
        img_size=net['pretrain_img_size'],
        window_size=net['window_size'],
        rel_pos_img_size=net['img_size'],
        rel_pos_resize=MODES[net['interp_type']],
        global_attn_indexes=sorted(set(range(net['depth'])) - set(net['window_block_indexes'])),
    )
    weights = {
        re.sub('rel_pos_([hw])', r'rel_pos.\1', name.removeprefix('net.')): value
        for name, value in case['state_dict'].items()
        if name.startswith('net.')
    }
    backbone.load_state_dict(weights)
    return backbone.eval()


@pytest.mark.parametrize('name', ['det_vit_a.pt'])
@torch.no_grad()
def test_blocks_and_map_match_the_released_code(reference, arch_of, name):
    case = reference(name)
    backbone = released(case, arch_of)
    backbone.out_indices = (0, 1, 2, 3)
    found = backbone(case['inputs']['image'])
    for block, expected in zip(found, case['outputs']['blocks']):
        assert_near(block.permute(0, 2, 3, 1), expected)
    assert_near(found[-1], case['outputs']['last_feat'])


@pytest.mark.parametrize('size', [(96, 96), (16, 80), (160, 112)])
def test_takes_any_multiple_of_the_patch(size):
    (found,) = EVAViTDet(**SIZES)(torch.randn(1, 3, *size))
    assert found.shape == (1, 32, size[0] // 16, size[1] // 16)


def test_every_fourth_block_is_global_by_default():
    backbone = EVAViTDet(**SIZES)
    assert [hasattr(block.attn, 'window_size') for block in backbone.blocks] == [True] * 3 + [False]
    assert backbone.blocks[0].attn.rel_pos.h.shape == (7, 8)
    assert backbone.blocks[3].attn.rel_pos.h.shape == (11, 8)


def test_class_tokens_position_is_kept_but_unused():
    backbone = EVAViTDet(**SIZES).eval()
    image = torch.randn(1, 3, 64, 64)
    before = backbone(image)[0]
    assert backbone.pos_embed.shape == (1, 17, 32)
    backbone.pos_embed.data[:, 0] += 1
    assert torch.equal(before, backbone(image)[0])
    backbone.pos_embed.data[:, 1] += 1
    assert not torch.equal(before, backbone(image)[0])


def test_all_but_the_patch_embedding_get_a_gradient():
    backbone = EVAViTDet(**SIZES)
    backbone.init_weights()
    backbone(torch.randn(1, 3, 96, 80))[0].pow(2).sum().backward()
    without = {name for name, parameter in backbone.named_parameters() if parameter.grad is None}
    assert without == {'patch_embed.proj.weight', 'patch_embed.proj.bias'}
    assert not backbone.patch_embed.proj.weight.requires_grad
    assert EVAViTDet(**SIZES, freeze_patch_embed=False).patch_embed.proj.weight.requires_grad


def test_checkpointing_changes_nothing():
    backbone = EVAViTDet(**SIZES)
    image = torch.randn(1, 3, 80, 64)
    gradients = []
    for with_cp in (False, True):
        for block in backbone.blocks:
            block.with_cp = with_cp
        backbone.zero_grad()
        backbone(image)[0].sum().backward()
        gradients.append(backbone.blocks[3].attn.rel_pos.w.grad.clone())
    torch.testing.assert_close(*gradients)


def test_learning_rate_depths_match_the_released_rule(reference):
    backbone = EVAViTDet(arch=dict(TINY, num_layers=40), img_size=32, rel_pos_img_size=32)
    for name, scale in reference('det_lr_decay_rate.json')['0.9|40'].items():
        ours = name.replace('backbone.net.', 'backbone.').replace('rel_pos_h', 'rel_pos.h')
        # side branches of ViTDet that EVA does not have
        if 'residual' not in name:
            depth, depths = backbone.get_layer_depth(ours, 'backbone.')
            assert 0.9 ** (depths - 1 - depth) == pytest.approx(scale), name


def test_index_beyond_the_blocks():
    with pytest.raises(ValueError, match=r'global_attn_indexes=\(3, 7\) go beyond the 4 blocks'):
        EVAViTDet(**SIZES, global_attn_indexes=(3, 7))
