"""EVA-02-CLIP against golden numbers of the released code."""

import pytest
import torch
from torch.nn import functional as F

from eva_mm.checkpoint import load_model, load_pretrained
from eva_mm.layers.rotary import Kept
from eva_mm.models.multimodal import EVACLIPViT, eva_clip_vit
from eva_mm.registry import MODELS


def relative(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def arch_of(name, vision):
    width = vision['width']
    return dict(
        name=name,
        embed_dims=width,
        num_layers=vision['layers'],
        num_heads=width // vision['head_width'],
        feedforward_channels=int(width * vision['mlp_ratio']),
    )


def same_gradients(model, norms):
    for name, norm in norms.items():
        gradient = model.get_parameter(name).grad
        assert gradient.norm().item() == pytest.approx(norm, rel=1e-4, abs=1e-7), name


@pytest.fixture
def tower(reference, tmp_path):
    golden = reference('eva02/clip_vision_a.pt')
    vision = golden['config']['vision_cfg']
    arch = arch_of('eva02-clip-large', vision)
    model = EVACLIPViT(golden['config']['embed_dim'], 0.5, arch=arch, img_size=84)
    # as part of a whole model: alone, the names are those of a pre-training model
    torch.save({f'visual.{name}': weight for name, weight in golden['state_dict'].items()}, tmp_path / 'tower.pt')
    report = load_pretrained(model, tmp_path / 'tower.pt')
    assert not (report.missing or report.unexpected or report.fresh)
    return golden, model.eval()


def test_the_tower_and_its_gradients(tower):
    golden, model = tower
    inputs, expected = golden['inputs'], golden['outputs']
    features = model(inputs['image'])
    assert relative(features, expected['image_features']) < 1e-5
    loss = (features * inputs['probe']).sum()
    scale = expected['probe_loss'] / loss.item()
    (scale * loss).backward()
    same_gradients(model, expected['grad_norm'])


def test_each_kept_patch_turns_by_its_own_place(tower, monkeypatch):
    """Patch dropout of the release, with its draw: in random order, the class token first."""
    golden, model = tower
    inputs, expected = golden['inputs'], golden['outputs']
    monkeypatch.setattr(eva_clip_vit, 'drop_patches', lambda grid, *_: Kept(grid, inputs['patch_indices_keep']))
    features = model.train()(inputs['image'])
    assert relative(features, expected['patch_dropout_features']) < 1e-5
    whole = (model.eval()(inputs['image']) * inputs['probe']).sum()
    (features * inputs['probe']).sum().mul(expected['probe_loss'] / whole.item()).backward()
    same_gradients(model, expected['patch_dropout_grad_norm'])


CASES = {'clip_full_a.pt': 'eva02-clip-base', 'clip_bige_a.pt': 'eva02-clip-enormous'}


@pytest.mark.parametrize('file', CASES)
def test_both_towers_with_loss_and_gradients(reference, tmp_path, file):
    golden = reference(f'eva02/{file}')
    config, inputs, expected = golden['config'], golden['inputs'], golden['outputs']
    vision, text = config['vision_cfg'], config['text_cfg']
    model = MODELS.build(
        dict(
            type='eva_mm.EVACLIP',
            embed_dim=config['embed_dim'],
            visual=dict(
                type='eva_mm.EVACLIPViT',
                arch=arch_of(CASES[file], vision),
                img_size=vision['image_size'],
                patch_size=vision['patch_size'],
            ),
            text=dict(
                type='eva_mm.CLIPTextTower',
                **{key: text[key] for key in ('context_length', 'vocab_size', 'width', 'heads', 'layers')},
            ),
        )
    )
    torch.save({'module': golden['state_dict']}, tmp_path / 'clip.pt')
    report = load_model(model, tmp_path / 'clip.pt', 'clip')
    assert not (report.missing or report.unexpected or report.fresh)
    assert all('rotary' in reason for reason in report.dropped.values())
    images, texts, scale = model.eval()(inputs['image'], inputs['text'])
    assert relative(images, expected['image_features']) < 1e-5
    assert relative(texts, expected['text_features']) < 1e-5
    assert scale.item() == pytest.approx(expected['logit_scale'], rel=1e-6)
    logits = scale * images @ texts.T
    assert relative(logits, expected['logits_per_image']) < 1e-5
    target = torch.arange(len(logits))
    loss = (F.cross_entropy(logits, target) + F.cross_entropy(logits.T, target)) / 2
    assert loss.item() == pytest.approx(expected['loss'], rel=1e-5)
    loss.backward()
    norms = dict(expected['grad_norm'])
    norms['text.logit_scale'] = norms.pop('logit_scale')
    same_gradients(model, norms)


def test_pretrained_weights_start_a_tower_with_a_new_norm(reference, tmp_path):
    """As released: the norm of what was attended is not in the file, so training starts from another function."""
    golden = reference('eva02/mim_b_a.pt')
    torch.save({'module': golden['state_dict']}, tmp_path / 'mim.pt')
    config = golden['config']
    vision = dict(width=config['embed_dim'], layers=config['depth'], head_width=16, mlp_ratio=config['mlp_ratio'])
    model = EVACLIPViT(24, arch=arch_of('eva02-clip-large', vision), img_size=56)
    report = load_pretrained(model, tmp_path / 'mim.pt')
    assert {name.split('.')[-2] for name in report.fresh} == {'inner_attn_ln', 'head'} and not report.missing
    assert torch.equal(model.blocks[1].attn.k_proj.weight, golden['state_dict']['blocks.1.attn.k_proj.weight'])
    assert torch.equal(model.norm.weight, golden['state_dict']['norm.weight'])


def test_positions_and_kernel_are_resized_as_released(reference, tmp_path):
    golden = reference('eva02/clip_resize_a.pt')
    tower, small = (
        EVACLIPViT(
            16,
            arch=arch_of('eva02-clip-base', vision),
            img_size=vision['image_size'],
            patch_size=vision['patch_size'],
        )
        for vision in (golden['config']['vision_cfg_to'], golden['config']['vision_cfg_from'])
    )
    weights = {f'visual.{name}': weight for name, weight in small.state_dict().items()} | golden['state_dict']
    torch.save(weights, tmp_path / 'small.pt')
    report = load_pretrained(tower, tmp_path / 'small.pt')
    assert report.resized.keys() == golden['outputs'].keys()
    for name, expected in golden['outputs'].items():
        found = tower.get_parameter(name.removeprefix('visual.'))
        torch.testing.assert_close(found, expected, rtol=0, atol=1e-6)


@pytest.mark.parametrize(
    ('arch', 'img_size', 'embed_dim', 'count'),
    [
        ('eva02-clip-base', 224, 512, 86_263_040),
        ('eva02-clip-large', 224, 768, 304_105_152),
        ('eva02-clip-large', 336, 768, 428_083_137 - 427_755_457 + 304_105_152),
        ('eva02-clip-enormous', 224, 1024, 4_350_556_928),
    ],
)
def test_full_size_parameter_counts(arch, img_size, embed_dim, count):
    with torch.device('meta'):
        tower = EVACLIPViT(embed_dim, arch=arch, img_size=img_size)
    assert sum(p.numel() for p in tower.parameters()) == count
