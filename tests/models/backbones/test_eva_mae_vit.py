import pytest
import torch
from torch.nn import functional as F

from eva_mm.models.backbones import EVAMAEViT
from eva_mm.models.backbones.eva_mae_vit import random_masking
from tests.helpers.parity import assert_near

DECODER = dict(embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=32)
TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)


def test_matches_the_released_code(reference, arch_of):
    data = reference('mae_pretrain_a.pt')
    config, weights = data['config'], dict(data['state_dict'])
    weight, bias = (weights.pop(f'decoder_pred.{key}').requires_grad_() for key in ('weight', 'bias'))
    model = EVAMAEViT(
        arch=arch_of(config),
        decoder_arch=dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=128),
        img_size=56,
    ).eval()
    model.load_state_dict(weights)
    tokens, mask = model(data['inputs']['image'], noise=data['inputs']['noise'])
    prediction = F.linear(tokens[:, 1:], weight, bias)
    assert_near(prediction, data['outputs']['pred'])
    assert torch.equal(mask.float(), data['outputs']['mask'])

    # the released loss has the wrong sign; its log shows that the run had the right one
    loss = -F.cosine_similarity(prediction[mask], data['inputs']['target'][mask], dim=-1).mean()
    assert loss.item() == pytest.approx(data['outputs']['loss_negated'], rel=1e-4)
    loss.backward()
    for name, parameter in model.named_parameters():
        expected = data['outputs']['grad_norm'].get(name)
        if expected:
            assert parameter.grad.norm().item() == pytest.approx(expected, rel=1e-4), name
        else:
            assert not parameter.requires_grad, name


def test_latent_matches_the_released_code(reference, arch_of):
    data = reference('mae_pretrain_a.pt')
    model = EVAMAEViT(arch=arch_of(data['config']), decoder_arch=DECODER, img_size=56).eval()
    model.load_state_dict({k: v for k, v in data['state_dict'].items() if 'decoder' not in k and k != 'mask_token'},
                          strict=False)  # fmt: skip
    patches, grid = model.patch_embed(data['inputs']['image'])
    keep, _ = random_masking(data['inputs']['noise'], 0.75)
    assert_near(model.encode(patches, grid, keep), data['outputs']['latent'])


def test_a_given_mask_equals_the_drawn_one():
    model = EVAMAEViT(arch=TOY, decoder_arch=DECODER, img_size=56)
    model.init_weights()
    image, noise = torch.randn(2, 3, 56, 56), torch.rand(2, 16)
    drawn, mask = model(image, noise=noise)
    given, _ = model(image, mask=mask.view(2, 4, 4))
    torch.testing.assert_close(drawn, given)


def test_masks_hide_the_ratio_and_differ_between_samples():
    keep, mask = random_masking(torch.rand(8, 256), 0.75)
    assert keep.shape == (8, 64)
    assert (mask.sum(1) == 192).all()
    assert not torch.equal(mask[0], mask[1])
    assert not mask.gather(1, keep).any()


def test_trainable_parameters_of_the_released_size():
    with torch.device('meta'):
        model = EVAMAEViT(arch='large')
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) + 512 * 1024 + 1024 == 316576768
