import pytest
import torch

from eva_mm.checkpoint import convert_state_dict, export_state_dict
from eva_mm.models.backbones import ARCH_ZOO, EVAViT

TASK = {
    'mim': 'pretrain',
    'mae': 'pretrain',
    'classifier': 'classification',
    'classifier-l': 'classification',
    'linear-probe': 'classification',
    'clip': 'clip',
}


def same(actual, expected):
    assert actual.keys() == expected.keys()
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


@pytest.mark.parametrize('name', TASK)
def test_round_trip_through_our_names_is_exact(family, name):
    weights = family(name)
    ours = convert_state_dict({'model': weights}, TASK[name]).state_dict
    same(export_state_dict({'state_dict': ours}, 'released').state_dict, weights)


@pytest.mark.parametrize('name', ['classifier', 'classifier-l'])
def test_round_trip_through_timm_is_exact(family, name):
    weights = family(name)
    timm = export_state_dict(convert_state_dict(weights, 'classification').state_dict, 'timm').state_dict
    same(export_state_dict(timm, 'released', source='timm').state_dict, weights)


def test_round_trip_through_open_clip_is_exact(family):
    weights = family('clip')
    open_clip = export_state_dict(weights, 'open_clip').state_dict
    assert {'visual.trunk.head.weight', 'logit_scale', 'text.text_projection'} <= open_clip.keys()
    same(export_state_dict(open_clip, 'released').state_dict, weights)


def test_what_timm_lacks_is_dropped_with_the_reason(family):
    report = export_state_dict(family('mim'), 'timm').report
    assert report.dropped.keys() == {'mask_token', 'lm_head.weight', 'lm_head.bias'}


@pytest.mark.parametrize(
    'name, to, message',
    [
        ('linear-probe', 'timm', 'cannot be written for timm: .* batch normalisation'),
        ('mim', 'open_clip', 'cannot be written for open_clip'),
        ('mim', 'onnx', "to='onnx' is unknown: choose from released, timm, open_clip"),
    ],
)
def test_refusals(family, name, to, message):
    with pytest.raises(ValueError, match=message):
        export_state_dict(family(name), to)


EVA02 = {
    'eva02_tiny_patch14_336': ('eva02-tiny', 'avg_featmap', 'avg'),
    'eva02_base_patch14_448': ('eva02-base', 'avg_featmap', 'avg'),
    'eva02_base_patch16_clip_224': ('eva02-clip-base', 'cls_token', 'token'),
    'eva02_enormous_patch14_clip_224': ('eva02-clip-enormous', 'cls_token', 'token'),
}


@pytest.mark.parametrize('name', EVA02)
def test_timm_takes_eva02_and_computes_the_same(name):
    timm = pytest.importorskip('timm')
    arch, out_type, pool = EVA02[name]
    row = ARCH_ZOO[arch]
    hidden = 340 // 2
    ours = EVAViT(
        dict(name=arch, embed_dims=64, num_layers=2, num_heads=4, feedforward_channels=hidden),
        img_size=6 * row.patch_size,
        out_type=out_type,
    ).eval()
    for parameter in ours.parameters():
        torch.nn.init.normal_(parameter, std=0.2)
    theirs = timm.create_model(
        name,
        num_classes=0,
        embed_dim=64,
        depth=2,
        num_heads=4,
        mlp_ratio=(hidden + 0.5) / 64,
        img_size=6 * row.patch_size,
        global_pool=pool,
    ).eval()
    weights = {f'backbone.{name}': weight for name, weight in ours.state_dict().items()}
    exported = export_state_dict(weights, 'timm')
    theirs.load_state_dict(exported.state_dict, strict=True)
    assert not exported.report.unexpected and not exported.report.dropped
    image = torch.randn(2, 3, 6 * row.patch_size, 6 * row.patch_size)
    found, expected = theirs(image), ours(image)[0]
    assert (found - expected).abs().max() < 1e-5 * expected.abs().max()
    same(export_state_dict(exported.state_dict, 'released').state_dict, ours.state_dict())


def test_round_trip_of_eva02_clip_through_open_clip_is_exact(reference):
    weights = reference('eva02/clip_full_a.pt')['state_dict']
    exported = export_state_dict(weights, 'open_clip')
    assert {'visual.trunk.blocks.0.attn.norm.weight', 'visual.trunk.head.weight', 'logit_scale'} <= set(
        exported.state_dict
    )
    assert all('rotary' in reason for reason in exported.report.dropped.values())
    back = export_state_dict(exported.state_dict, 'released').state_dict
    kept = {name: weight for name, weight in weights.items() if 'rope' not in name}
    back['logit_scale'] = back.pop('text.logit_scale')
    same(back, kept)


@pytest.mark.parametrize(('ours', 'theirs'), [('eva02-clip-base', 'EVA02-B-16'), ('eva02-clip-large', 'EVA02-L-14')])
def test_full_size_has_the_names_of_open_clip(ours, theirs):
    open_clip = pytest.importorskip('open_clip')
    from eva_mm.models.multimodal import EVACLIPViT

    config = open_clip.get_model_config(theirs)
    with torch.device('meta'):
        tower = EVACLIPViT(config['embed_dim'], arch=ours)
        model = open_clip.CustomTextCLIP(**{key: config[key] for key in ('embed_dim', 'vision_cfg', 'text_cfg')})
    weights = {f'visual.{name}': weight for name, weight in tower.state_dict().items()}
    found = export_state_dict(weights, 'open_clip').state_dict
    expected = {name: weight.shape for name, weight in model.state_dict().items() if name.startswith('visual.')}
    assert {name: weight.shape for name, weight in found.items()} == expected


def test_other_families_are_not_written_for_timm():
    weights = {f'backbone.{name}': weight for name, weight in EVAViT(
        dict(name='dinov3-small', embed_dims=16, num_layers=1, num_heads=2, feedforward_channels=16)
    ).state_dict().items()}  # fmt: skip
    with pytest.raises(ValueError, match='cannot be written for timm: .* other families are not written'):
        export_state_dict(weights, 'timm')
