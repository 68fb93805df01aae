import pytest
import torch

from eva_mm.models.backbones import EVAPretrainViT, EVAViT

TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)


def test_nothing_hidden_equals_the_plain_backbone():
    model = EVAPretrainViT(arch=TOY, img_size=56)
    model.init_weights()
    plain = EVAViT(arch=TOY, img_size=56, out_type='raw')
    plain.load_state_dict({k: v for k, v in model.state_dict().items() if k != 'mask_token'})
    image = torch.randn(2, 3, 56, 56)
    tokens, mask = model(image, torch.zeros(2, 4, 4))
    assert mask.shape == (2, 16) and not mask.any()
    assert torch.equal(tokens, plain(image)[0])


def test_hidden_pixels_do_not_matter():
    model = EVAPretrainViT(arch=TOY, img_size=56)
    model.init_weights()
    image = torch.randn(1, 3, 56, 56)
    changed = image.clone()
    changed[..., :14, :14] += 1
    mask = torch.zeros(1, 4, 4, dtype=torch.bool)
    assert not torch.equal(model(image, mask)[0], model(changed, mask)[0])
    mask[0, 0, 0] = True
    assert torch.equal(model(image, mask)[0], model(changed, mask)[0])


def test_initialisation_matches_the_released_statistics(reference):
    stats = reference('init_stats.json')['mim_pretrain(init_std=0.015, embed_dim=96, depth=4)']
    model = EVAPretrainViT(arch=dict(embed_dims=96, num_layers=4, num_heads=4, feedforward_channels=418), img_size=112)
    model.init_weights()
    for name, parameter in model.named_parameters():
        expected = stats[name]
        assert list(parameter.shape) == expected['shape'], name
        if parameter.numel() > 5000:
            assert parameter.std().item() == pytest.approx(expected['std'], rel=0.03), name
            assert parameter.abs().max().item() == pytest.approx(expected['absmax'], rel=0.02), name
        elif name not in ('cls_token', 'mask_token'):
            assert parameter.mean().item() == pytest.approx(expected['mean'], abs=1e-6), name


def test_mask_token_is_embedding_depth():
    assert EVAPretrainViT(arch=TOY, img_size=56).get_layer_depth('mask_token') == (0, 4)
