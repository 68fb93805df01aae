"""Files of other programs: the same weights are loaded whatever they are wrapped in, and the report says which."""

import json
import re

import pytest
import torch
from safetensors.torch import save_file

from eva_mm.checkpoint import Checkpoint, export_state_dict, load_pretrained
from eva_mm.checkpoint.unwrap import choose_weights
from eva_mm.models.backbones import EVAViT
from eva_mm.models.backbones.eva_vit_adapter import EVAViTAdapter

TOY = dict(embed_dims=16, num_layers=2, num_heads=2, feedforward_channels=32)


def _model(**options):
    return EVAViT(dict(TOY), img_size=28, patch_size=14, out_type='raw', **options)


@pytest.fixture(scope='module')
def saved():
    """Weights of our names, of the released ones, and others of these names."""
    model = _model()
    model.init_weights()
    own = {f'backbone.{name}': weight for name, weight in model.state_dict().items()}
    released = export_state_dict(own, 'released').state_dict
    return own, released, {name: weight + 1 for name, weight in released.items()}


def _put(weights, prefix):
    return {prefix + name: weight for name, weight in weights.items()}


COUNTED = {'n_averaged': torch.tensor(3)}
# name -> content of the file from our names, released ones, others; what the report says
FILES = {
    'an average beside': (lambda own, released, other: {'model': other, 'model_ema': released}, 'in training too'),
    'an average alone': (lambda own, released, other: {'model_ema': released}, r'averaged weights \(model_ema\)'),
    'averaged in front': (
        lambda own, released, other: {'state_dict': own, 'ema_state_dict': _put(own, 'module.')},
        r'averaged weights \(state_dict\)',
    ),
    'compiled': (lambda own, released, other: {'model': _put(released, '_orig_mod.')}, ''),
    'compiled backbone': (
        lambda own, released, other: {
            'state_dict': {name.replace('backbone.', 'backbone._orig_mod.'): weight for name, weight in own.items()}
        },
        '',
    ),
    'sharded and checkpointed': (
        lambda own, released, other: _put(
            {name.replace('blocks.0.', 'blocks.0._checkpoint_wrapped_module.'): w for name, w in released.items()},
            '_fsdp_wrapped_module.',
        ),
        '',
    ),
    'Lightning': (
        lambda own, released, other: {'state_dict': {**_put(released, 'model.'), 'criterion.w': torch.ones(3)}},
        r'criterion.w: beside the model model\.',
    ),
    'Lightning, parallel': (lambda own, released, other: {'state_dict': _put(released, 'net.module.')}, ''),
    'AveragedModel': (lambda own, released, other: {**COUNTED, **_put(released, 'module.')}, ''),
}


@pytest.mark.parametrize('name', FILES)
def test_wrapped_weights(saved, tmp_path, name):
    own, released, other = saved
    make, said = FILES[name]
    torch.save(make(own, released, other), tmp_path / 'file.pth')
    model = _model()
    report = str(load_pretrained(model, tmp_path / 'file.pth'))
    assert all(torch.equal(weight, own[f'backbone.{name}']) for name, weight in model.state_dict().items())
    assert len(said) == 0 or re.search(said, report), report


def test_which_weights_are_taken_is_chosen(saved, tmp_path):
    _, released, other = saved
    torch.save({'model': released, 'model_ema': other}, tmp_path / 'file.pth')
    model, name = _model(), 'blocks.1.mlp.fc1.weight'
    for which, expected in (('raw', released), ('averaged', other)):
        load_pretrained(model, tmp_path / 'file.pth', weights=which)
        assert torch.equal(model.state_dict()[name], expected[name])
    ours = {'state_dict': {'w': torch.ones(2), 'n': torch.tensor(1)}, 'ema_state_dict': {'module.w': torch.zeros(2)}}
    assert choose_weights(ours, 'raw').weights['w'].sum() == 0 and choose_weights(ours).weights['w'].sum() == 2
    for content, which, message in (
        ({'model': released}, 'averaged', 'holds no averaged weights'),
        ({'model_ema': released}, 'raw', 'averaged weights alone'),
        ({'model': released}, 'mean', 'choose from auto, raw, averaged'),
    ):
        with pytest.raises(ValueError, match=message):
            choose_weights(content, which)


def test_shards_with_an_index(saved, tmp_path):
    own, released, _ = saved
    parts = {f'model-{number}.safetensors': list(released)[number::2] for number in range(2)}
    for file, names in parts.items():
        save_file({name: released[name] for name in names}, tmp_path / file)
    index = tmp_path / 'model.safetensors.index.json'
    index.write_text(json.dumps(dict(weight_map={name: file for file, names in parts.items() for name in names})))
    for source in (index, tmp_path):
        weights = Checkpoint.open(source).weights
        assert weights.keys() == released.keys() and all(torch.equal(weights[n], released[n]) for n in released)
    index.write_text(json.dumps(dict(weight_map={'a': '../model-0.safetensors'})))
    with pytest.raises(ValueError, match='not a safetensors file beside it'):
        Checkpoint.open(index)
    index.write_text(json.dumps(dict(weight_map={'a': 'model-0.safetensors'})))
    with pytest.raises(ValueError, match='lacks a, which its index lists'):
        Checkpoint.open(index)


@pytest.mark.parametrize('channels', [1, 6])
def test_kernels_of_rgb_see_other_channels_as_strongly(saved, tmp_path, channels):
    _, released, _ = saved
    torch.save(released, tmp_path / 'file.pth')
    model, rgb = _model(in_channels=channels), _model()
    report = load_pretrained(model, tmp_path / 'file.pth')
    load_pretrained(rgb, tmp_path / 'file.pth')
    grey = torch.rand(1, 1, 28, 28)
    tokens = model.patch_embed(grey.expand(-1, channels, -1, -1))[0]
    assert torch.allclose(tokens, rgb.patch_embed(grey.expand(-1, 3, -1, -1))[0], atol=1e-5)
    assert 'backbone.patch_embed.proj.weight' in report.resized
    torch.save(_put(model.state_dict(), 'backbone.'), tmp_path / 'other.pth')
    with pytest.raises(ValueError, match=f'of images of {channels} channels, the model of 3'):
        load_pretrained(rgb, tmp_path / 'other.pth')


def test_the_stem_of_an_adapter_sees_them_too(tmp_path):
    options = dict(img_size=32, deform_num_heads=2, prior_channels=4, norm_cfg=dict(type='BN'))
    rgb, four = (
        EVAViTAdapter(dict(TOY, num_layers=4), **options),
        EVAViTAdapter(dict(TOY, num_layers=4), in_channels=4, **options),
    )
    torch.save({f'backbone.{name}': weight for name, weight in rgb.state_dict().items()}, tmp_path / 'file.pth')
    load_pretrained(four, tmp_path / 'file.pth')
    assert four.spm.stem[0].weight.shape[1] == 4
    assert torch.allclose(four.spm.stem[0].weight[:, 3], rgb.spm.stem[0].weight[:, 0] * 0.75)


def test_init_cfg_as_hosts_have_it(saved, tmp_path):
    own, *_ = saved
    torch.save({'state_dict': {**own, 'head.weight': torch.ones(2)}}, tmp_path / 'file.pth')
    init = dict(type='Pretrained', checkpoint=str(tmp_path / 'file.pth'), prefix='backbone.', map_location='cpu')
    model = _model(init_cfg=init)
    model.init_weights()
    assert torch.equal(model.norm.weight, own['backbone.norm.weight'])
    assert torch.equal(model.blocks[0].attn.proj.weight, own['backbone.blocks.0.attn.proj.weight'])
    with pytest.raises(ValueError, match="no weights under prefix='net.'"):
        load_pretrained(model, tmp_path / 'file.pth', prefix='net')


@pytest.mark.parametrize('name', ['hf-hub:timm/eva', 'timm:eva', 'open-mmlab://resnet50'])
def test_names_of_hubs_are_one_sentence(name):
    with pytest.raises(ValueError, match='nothing is downloaded by that name; pass the file'):
        Checkpoint.open(name)
