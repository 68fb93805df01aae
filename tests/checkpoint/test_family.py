"""A checkpoint of another family or size says what it is, and is never half loaded."""

from pathlib import Path

import pytest
import torch

from eva_mm.checkpoint import load_model, load_pretrained
from eva_mm.checkpoint.file import Checkpoint
from eva_mm.models.backbones import ARCH_ZOO, EVAViT, EVAViTDet

SMALL = dict(embed_dims=32, num_layers=2, num_heads=4, feedforward_channels=48)


@pytest.fixture
def file(tmp_path):
    def write(model):
        torch.save(model.state_dict(), tmp_path / 'file.pth')
        return tmp_path / 'file.pth'

    return write


def full_size(name, **kwargs):
    """The checkpoint of a full-size model, which take no room."""
    with torch.device('meta'):
        shapes = {key: value.shape for key, value in EVAViT(name, **kwargs).state_dict().items()}
    return Checkpoint(Path('file.pth'), {key: torch.zeros(()).expand(shape) for key, shape in shapes.items()})


@pytest.mark.parametrize('strict', [True, False])
@pytest.mark.parametrize(
    ('name', 'kwargs', 'expected'),
    [
        ('dinov3-base', {}, "The file is of a model with arch='dinov3-base'"),
        ('eva02-large', {}, "The file is of a model with arch='eva02-large'"),
        ('large', dict(qkv_bias='full'), "The file is of a model with arch='large', qkv_bias='full'"),
        ('siglip-base', {}, "The file is of a model with arch='siglip-base' or arch='siglip2-base'"),
        ('dinov2-base-reg', {}, "The file is of a model with arch='dinov2-base-reg'"),
        ('clip-large', {}, "The file is of a model with arch='clip-large' or arch='open-clip-large'"),
        ('giant', {}, "The file is of a model with arch='giant'"),
    ],
)
def test_a_file_says_which_arch_takes_it(name, kwargs, expected, strict):
    file = full_size(name, **kwargs)
    model = EVAViT(dict(name='eva02-tiny', num_layers=1))
    before = {key: value.clone() for key, value in model.state_dict().items()}
    with pytest.raises(ValueError, match=expected):
        load_pretrained(model, file, strict=strict)
    assert all(torch.equal(value, before[key]) for key, value in model.state_dict().items())
    whole = torch.nn.Module()
    whole.backbone = model
    with pytest.raises(ValueError, match=expected):
        load_model(whole, file, 'classification', strict=strict)


def test_an_unknown_size_of_a_known_family_is_named(file):
    path = file(EVAViT(dict(name='dinov3-small-plus', **SMALL)))
    names = "arch='dinov3-small-plus' or arch='dinov3-huge-plus'"
    with pytest.raises(ValueError, match=f'{names}, of another size: .*embed_dims=32, num_layers=2'):
        load_pretrained(EVAViT(dict(name='dinov3-base', **SMALL)), path)


def test_a_detector_says_it_too(file):
    path = file(EVAViTDet(dict(name='eva02-base', **SMALL)))
    with pytest.raises(ValueError, match="arch='eva02-base' or arch='eva02-large', of another size"):
        load_pretrained(EVAViTDet(SMALL), path)


@pytest.mark.parametrize('strict', [True, False])
@pytest.mark.parametrize(
    'lost',
    [
        ('blocks.1.attn.q_bias', 'blocks.1.attn.v_bias'),
        ('blocks.0.mlp.w1.weight', 'blocks.0.mlp.w2.weight'),
        ('blocks.1.attn.k_proj.weight',),
    ],
)
def test_a_block_is_loaded_whole_or_not_at_all(tmp_path, lost, strict):
    model = EVAViT(dict(name='eva02-base', **SMALL))
    weights = {key: torch.ones_like(value) for key, value in model.state_dict().items() if key not in lost}
    assert len(weights) == len(model.state_dict()) - len(lost)
    torch.save(weights, tmp_path / 'file.pth')
    with pytest.raises(ValueError, match='only some of the weights of blocks: it lacks backbone.blocks'):
        load_pretrained(model, tmp_path / 'file.pth', strict=strict)
    assert model.blocks[0].norm1.bias.abs().sum() == 0


def test_gated_and_plain_nets_are_not_mixed(file):
    path = file(EVAViT(dict(name='eva02-tiny', **SMALL)))
    with pytest.raises(ValueError, match="arch='eva02-tiny' or arch='eva02-small'"):
        load_pretrained(EVAViT(SMALL), path, strict=False)


def test_the_names_that_are_given_exist():
    assert {'dinov3-base', 'siglip2-base', 'open-clip-large'} <= set(ARCH_ZOO)
