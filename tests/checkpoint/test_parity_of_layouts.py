"""The same images give the same outputs in timm, open_clip, mmpretrain and here, at a reduced size."""

import pytest
import torch
from torch import nn

from eva_mm.checkpoint import convert_state_dict, load_pretrained
from eva_mm.models.backbones import EVAViT

ARCH = dict(embed_dims=48, num_layers=2, num_heads=4, feedforward_channels=96)
TIMM = dict(embed_dim=48, depth=2, num_heads=4, mlp_ratio=2)


@pytest.fixture
def images():
    return torch.randn(2, 3, 56, 56)


def randomise(model: nn.Module) -> nn.Module:
    """Random weights everywhere: at their start biases are 0 and norms do nothing."""
    for parameter in model.parameters():
        nn.init.normal_(parameter, std=0.2)
    model.eval()  # of mmpretrain's backbones it returns nothing
    return model


def classify(weights: dict, images: torch.Tensor, **backbone) -> torch.Tensor:
    model = nn.Module()
    model.backbone = EVAViT(arch=ARCH, img_size=56, **backbone)
    model.head = nn.Module()
    model.head.fc = nn.Linear(48, 11)
    model.load_state_dict(convert_state_dict(weights, 'classification').state_dict, strict=True)
    model.eval()
    return model.head.fc(model.backbone(images)[0])


def close(actual, expected):
    assert (actual - expected).abs().max() / expected.abs().max() < 1e-5


@pytest.mark.parametrize(
    'name, pool, out_type, qkv_bias',
    [
        ('eva_giant_patch14_224', 'avg', 'avg_featmap', 'qv'),
        ('eva_giant_patch14_clip_224', 'token', 'cls_token', 'qv'),
        ('eva_large_patch14_196', 'avg', 'avg_featmap', 'full'),
    ],
)
def test_timm(images, name, pool, out_type, qkv_bias):
    timm = pytest.importorskip('timm')
    theirs = randomise(timm.create_model(name, img_size=56, num_classes=11, global_pool=pool, **TIMM))
    ours = classify(theirs.state_dict(), images, out_type=out_type, qkv_bias=qkv_bias)
    close(ours, theirs(images))


def test_open_clip(images, monkeypatch, tmp_path):
    open_clip = pytest.importorskip('open_clip')
    import timm

    whole = timm.create_model
    monkeypatch.setattr(timm, 'create_model', lambda *args, **kwargs: whole(*args, img_size=56, **TIMM, **kwargs))
    config = open_clip.get_model_config('EVA01-g-14')
    config['vision_cfg'].update(image_size=56)
    config['text_cfg'].update(width=32, heads=2, layers=1, vocab_size=50, context_length=7)
    theirs = open_clip.CustomTextCLIP(embed_dim=24, vision_cfg=config['vision_cfg'], text_cfg=config['text_cfg'])
    randomise(theirs)
    torch.save(theirs.state_dict(), tmp_path / 'clip.pt')
    tower = EVAViT(arch=ARCH, img_size=56, out_type='cls_token').eval()
    report = load_pretrained(tower, tmp_path / 'clip.pt')
    assert not report.fresh and report.layout == 'open_clip'
    head = convert_state_dict(theirs.state_dict(), 'clip').state_dict
    features = nn.functional.linear(tower(images)[0], head['visual.head.weight'], head['visual.head.bias'])
    close(features, theirs.encode_image(images))


@pytest.mark.parametrize('prefix', ['backbone.', ''])
@pytest.mark.parametrize('qkv_bias, layer_cfgs', [('qv', {}), ('full', dict(bias=True))])
def test_mmpretrain(images, prefix, qkv_bias, layer_cfgs):
    backbones = pytest.importorskip('mmpretrain.models.backbones')
    theirs = backbones.BEiTViT(
        arch=ARCH,
        img_size=56,
        patch_size=14,
        out_type='avg_featmap',
        use_abs_pos_emb=True,
        use_rel_pos_bias=False,
        layer_scale_init_value=0.0,
        layer_cfgs=layer_cfgs,
    )
    head = randomise(nn.Linear(48, 11))
    weights = {f'{prefix}{name}': value for name, value in randomise(theirs).state_dict().items()}
    weights |= {f'head.fc.{name}': value for name, value in head.state_dict().items()}
    ours = classify(weights, images, out_type='avg_featmap', qkv_bias=qkv_bias)
    close(ours, head(theirs(images)[0]))


def test_mmpretrain_files_the_norm_of_pretraining_under_ln2(family):
    weights = {}
    for name, value in family('mim').items():
        for old, new in (
            ('blocks.', 'layers.'),
            ('.norm1.', '.ln1.'),
            ('.norm2.', '.ln2.'),
            ('mlp.fc1', 'ffn.layers.0.0'),
            ('mlp.fc2', 'ffn.layers.1'),
            ('patch_embed.proj', 'patch_embed.projection'),
        ):
            name = name.replace(old, new)
        weights['backbone.' + (f'ln2.{name[5:]}' if name.startswith('norm.') else name)] = value
    del weights['backbone.mask_token']
    report = convert_state_dict(weights, 'classification').report
    assert {'backbone.ln2.weight', 'backbone.ln2.bias'} <= report.dropped.keys() and not report.unexpected
