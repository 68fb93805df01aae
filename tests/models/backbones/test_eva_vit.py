import pytest
import torch
from torch import nn

from eva_mm.models.backbones import ARCH_ZOO, EVAViT

TOY = dict(embed_dims=16, num_layers=3, num_heads=2, feedforward_channels=32)


def _relative(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def test_classification_matches_the_released_code(reference, arch_of):
    data = reference('cls_finetune_a.pt')
    weights = dict(data['state_dict'])
    head = nn.Linear(48, 11)
    head.load_state_dict({'weight': weights.pop('head.weight'), 'bias': weights.pop('head.bias')})
    model = EVAViT(
        arch=arch_of(data['config']), img_size=56, out_type='avg_featmap', patch_grad_scale=0, attn_fp32=True
    ).eval()
    model.load_state_dict(weights)
    (features,) = model(data['inputs']['image'])
    logits = head(features)
    assert _relative(features, data['outputs']['features']) < 1e-5
    assert _relative(logits, data['outputs']['logits']) < 1e-5
    loss = nn.functional.cross_entropy(logits, data['inputs']['label'])
    assert loss.item() == pytest.approx(data['outputs']['ce_loss'], rel=1e-5)
    loss.backward()
    for name, parameter in model.named_parameters():
        expected = data['outputs']['grad_norm'][name]
        if expected is None:  # patch embedding: detached in the released fine-tuning
            assert parameter.grad is None, name
        else:
            assert parameter.grad.norm().item() == pytest.approx(expected, rel=1e-4), name


def test_every_block_matches_the_released_code(reference, arch_of):
    data = reference('cls_finetune_a.pt')
    model = EVAViT(arch=arch_of(data['config']), img_size=56, out_indices=(0, 1, 2), out_type='featmap').eval()
    model.load_state_dict(data['state_dict'], strict=False)
    for out, expected in zip(model(data['inputs']['image']), data['outputs']['blocks']):
        assert _relative(out.flatten(2).transpose(1, 2), expected[:, 1:]) < 1e-5


@pytest.mark.parametrize(
    'out_type, shape',
    [('raw', (2, 17, 16)), ('cls_token', (2, 16)), ('avg_featmap', (2, 16)), ('featmap', (2, 16, 4, 4))],
)
def test_out_types(out_type, shape):
    model = EVAViT(arch=TOY, img_size=56, out_type=out_type, out_indices=(-1, 0))
    outs = model(torch.randn(2, 3, 56, 56))
    assert [tuple(out.shape) for out in outs] == [shape, shape]
    assert not torch.equal(*outs)


def test_other_input_sizes_are_taken():
    model = EVAViT(arch=TOY, img_size=56, out_type='featmap')
    assert model(torch.randn(1, 3, 70, 84))[0].shape == (1, 16, 5, 6)


def test_each_parameter_has_one_depth_and_blocks_rise():
    model = EVAViT(arch=TOY, img_size=56, out_type='avg_featmap')
    depths = {name: model.get_layer_depth(f'backbone.{name}', 'backbone.') for name, _ in model.named_parameters()}
    assert {total for _, total in depths.values()} == {5}
    assert depths['pos_embed'][0] == depths['cls_token'][0] == depths['patch_embed.proj.weight'][0] == 0
    assert [depths[f'blocks.{i}.attn.q_bias'][0] for i in range(3)] == [1, 2, 3]
    assert depths['fc_norm.weight'][0] == model.get_layer_depth('head.fc.weight', 'backbone.')[0] == 4


def test_frozen_stages_freeze_the_embedding_and_the_first_blocks():
    model = EVAViT(arch=TOY, img_size=56, frozen_stages=2).train()
    trainable = {name.split('.')[0] + name.split('.')[1] for name, p in model.named_parameters() if p.requires_grad
                 and name.startswith('blocks')}  # fmt: skip
    assert trainable == {'blocks2'}
    assert not model.patch_embed.proj.weight.requires_grad and not model.pos_embed.requires_grad
    assert [block.training for block in model.blocks] == [False, False, True]


def test_checkpointing_changes_nothing_and_every_parameter_gets_a_gradient():
    plain = EVAViT(arch=TOY, img_size=56)
    plain.init_weights()
    saving = EVAViT(arch=TOY, img_size=56, with_cp=True)
    saving.load_state_dict(plain.state_dict())
    image = torch.randn(2, 3, 56, 56)
    for model in (plain, saving):
        model(image)[0].square().sum().backward()
    for (name, one), (_, other) in zip(plain.named_parameters(), saving.named_parameters()):
        assert one.grad is not None, name
        assert torch.equal(one.grad, other.grad), name


def test_initialisation_matches_the_released_statistics(reference):
    stats = reference('init_stats.json')['cls_finetune(init_values=0.1, use_rel_pos_bias, init_scale=0.001)']
    model = EVAViT(
        arch=dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=418),
        img_size=112,
        out_type='avg_featmap',
        layer_scale_init_value=0.1,
    )
    model.init_weights()
    for name, parameter in model.named_parameters():
        expected = stats[name]
        assert list(parameter.shape) == expected['shape'], name
        if parameter.numel() > 5000:
            assert parameter.std().item() == pytest.approx(expected['std'], rel=0.03), name
        elif 'proj.bias' not in name and name != 'cls_token':
            assert parameter.mean().item() == pytest.approx(expected['mean'], abs=1e-6), name


def test_drop_path_grows_linearly():
    model = EVAViT(arch=TOY, img_size=56, drop_path_rate=0.4)
    assert [block.drop_path.rate for block in model.blocks] == pytest.approx([0.0, 0.2, 0.4])


@pytest.mark.parametrize('size, classes, expected', [(224, 1000, 1012555112), (224, 21841, 1041920081),
                                                     (336, 1000, 1013005672), (560, 1000, 1014447464)])  # fmt: skip
def test_full_size_parameter_counts(size, classes, expected):
    with torch.device('meta'):
        model = EVAViT(arch='giant', img_size=size, out_type='avg_featmap')
    assert sum(p.numel() for p in model.parameters()) + 1408 * classes + classes == expected


def test_bad_input_is_one_sentence():
    with pytest.raises(ValueError, match=f"arch='huge' is unknown: choose from {', '.join(ARCH_ZOO)}"):
        EVAViT(arch='huge')
    with pytest.raises(ValueError, match='expected exactly embed_dims, num_layers, num_heads, feedforward_channels'):
        EVAViT(arch=dict(embed_dims=16))
    with pytest.raises(ValueError, match=r'must be divisible by patch_size=\(14, 14\): give for instance \(84, 84\)'):
        EVAViT(arch=TOY, img_size=90)
    with pytest.raises(ValueError, match="EVAViT of this arch has no out_type='map': choose from raw, featmap"):
        EVAViT(arch=TOY, img_size=56, out_type='map')
    with pytest.raises(ValueError, match='go beyond the 3 blocks'):
        EVAViT(arch=TOY, img_size=56, out_indices=3)
