import pytest
import torch
from torch import nn

from eva_mm.checkpoint import load_pretrained
from eva_mm.checkpoint.uninitialised import uninitialised
from eva_mm.models.backbones import EVAViT

TINY = dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=48)


@pytest.mark.parametrize('layer', [lambda: nn.Linear(4, 4), lambda: nn.Conv2d(3, 4, 2), lambda: nn.Embedding(3, 4)])
def test_no_random_number_is_drawn(layer):
    state = torch.get_rng_state()
    with uninitialised():
        layer()
    assert torch.equal(torch.get_rng_state(), state)
    layer()
    assert not torch.equal(torch.get_rng_state(), state)


def test_constants_are_set():
    with uninitialised():
        backbone = EVAViT(TINY, img_size=28)
    assert (backbone.norm.weight == 1).all() and (backbone.norm.bias == 0).all()
    assert (backbone.pos_embed == 0).all()


@pytest.mark.parametrize('mapped', [False, True])
def test_loaded_weights_are_those_of_the_file(tmp_path, mapped):
    saved = EVAViT(TINY, img_size=28)
    saved.init_weights()
    torch.save(saved.state_dict(), tmp_path / 'weights.pth')
    with uninitialised():
        backbone = EVAViT(TINY, img_size=28)
    load_pretrained(backbone, tmp_path / 'weights.pth', mapped=mapped)
    assert all(type(weight) is nn.Parameter and weight.requires_grad for weight in backbone.parameters())
    for name, weight in saved.state_dict().items():
        assert torch.equal(backbone.state_dict()[name], weight), name


def test_mapped_weights_are_trained_without_changing_the_file(tmp_path):
    file = tmp_path / 'weights.pth'
    backbone = EVAViT(TINY, img_size=28).half()
    torch.save(backbone.state_dict(), file)
    before = file.read_bytes()
    model = EVAViT(TINY, img_size=28)
    load_pretrained(model, file, mapped=True)
    # another dtype is copied
    assert model.blocks[0].attn.qkv.weight.dtype == torch.float32
    load_pretrained(backbone, file, mapped=True)
    with torch.no_grad():
        backbone.blocks[0].attn.qkv.weight.add_(1)
    assert file.read_bytes() == before
