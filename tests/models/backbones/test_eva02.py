"""EVA-02 against golden numbers of its released code, forward and backward."""

import math
import re

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from eva_mm.checkpoint import load_model, load_pretrained
from eva_mm.layers.rotary import Rotary, RotaryPosition
from eva_mm.models.backbones import EVAPretrainViT, EVAViT, EVAViTDet
from eva_mm.models.necks import SimpleFeaturePyramid

TABLE = 'a table of rotary positions, which the model computes for any size'
KINDS = {'ti': 'eva02-tiny', 'b': 'eva02-base'}


def relative(actual, expected):
    return ((actual - expected).abs().max() / expected.abs().max()).item()


def arch_of(name, config, **rotary):
    """A small model of the family: released constructor arguments, and the grid side that turns are measured on."""
    width, depth = (config[key] for key in (('embed_dim', 'depth') if 'depth' in config else ('width', 'layers')))
    heads = config['num_heads'] if 'num_heads' in config else width // config['head_width']
    sizes = dict(embed_dims=width, num_layers=depth, num_heads=heads)
    hidden = int(width * config['mlp_ratio'])
    return dict(name=name, feedforward_channels=hidden, **sizes, **({'rotary': rotary} if rotary else {}))


def loaded(model, golden, tmp_path, wrapper='model', **kwargs):
    """The model with the weights of a golden file, through a file as published: with tables of rotary positions."""
    torch.save({wrapper: golden['state_dict']}, tmp_path / 'released.pt')
    report = load_pretrained(model, tmp_path / 'released.pt', **kwargs)
    assert not report.missing and not report.unexpected
    return model.eval(), report


def of_classifier(name):
    return f'head.fc.{name[5:]}' if name.startswith('head.') else f'backbone.{name}'


def same_gradients(model, norms, rename=lambda name: name, skip=()):
    parameters = dict(model.named_parameters())
    for name, norm in norms.items():
        if name.startswith(skip):
            continue
        gradient = parameters[rename(name)].grad
        if norm is None:
            assert gradient is None, name
        else:
            assert gradient.norm().item() == pytest.approx(norm, rel=1e-4, abs=1e-7), name


def test_rotary_positions_are_the_released_ones(reference):
    golden = reference('eva02/rope_a.pt')
    assert len(golden['outputs']['cases']) == 3
    for x, case in zip(golden['inputs']['x'], golden['outputs']['cases']):
        rotary = RotaryPosition(Rotary(span=case['pt_seq_len']), x.shape[-1])
        side = math.isqrt(x.shape[-2])
        cos, sin, _ = rotary.tables((side, side), x)
        torch.testing.assert_close(cos, case['freqs_cos'], rtol=0, atol=2e-6)
        # ours has the sign of the first of a pair in it
        torch.testing.assert_close(sin.abs(), case['freqs_sin'].abs(), rtol=0, atol=2e-6)
        turned, _, bias = rotary(x, x, (side, side))
        assert bias is None
        torch.testing.assert_close(turned, case['rotated'], rtol=0, atol=1e-5)


@pytest.mark.parametrize('kind', KINDS)
def test_classification(reference, tmp_path, kind):
    golden = reference(f'eva02/cls_{kind}_a.pt')
    config, expected = golden['config'], golden['outputs']
    arch = arch_of(KINDS[kind], config, span=config['pt_hw_seq_len'])
    options = dict(arch=arch, img_size=config['img_size'])
    maps = EVAViT(**options, out_type='featmap', out_indices=range(config['depth']))
    for found, block in zip(loaded(maps, golden, tmp_path)[0](golden['inputs']['image']), expected['blocks']):
        assert relative(found.flatten(2).mT, block[:, 1:]) < 1e-5

    model = nn.Module()
    model.backbone = EVAViT(**options, out_type='avg_featmap', patch_grad_scale=0)
    model.head = nn.Module()
    model.head.fc = nn.Linear(config['embed_dim'], config['num_classes'])
    report = load_model(model, tmp_path / 'released.pt', 'classification')
    tables = 2 * (1 + config['depth'])
    assert list(report.dropped.values()) == tables * [TABLE]
    assert str(report).count(TABLE) == 1
    assert not report.fresh and not report.resized
    (features,) = model.backbone(golden['inputs']['image'])
    logits = model.head.fc(features)
    assert relative(features, expected['features']) < 1e-5 and relative(logits, expected['logits']) < 1e-5
    loss = F.cross_entropy(logits, golden['inputs']['label'])
    assert loss.item() == pytest.approx(expected['ce_loss'], rel=1e-5)
    loss.backward()
    same_gradients(model, expected['grad_norm'], of_classifier)
    for name, gradient in expected['grad_full'].items():
        if name in dict(model.backbone.named_parameters()):
            assert relative(model.backbone.get_parameter(name).grad, gradient) < 1e-4, name
    half = model.bfloat16()
    found = half.head.fc(half.backbone(golden['inputs']['image'].bfloat16())[0])
    assert relative(found.float(), expected['logits_bf16'].float()) < 3e-2


@pytest.mark.parametrize('kind', KINDS)
def test_pretraining(reference, tmp_path, kind):
    """Its turns are measured on its own grid, whatever the size."""
    golden = reference(f'eva02/mim_{kind}_a.pt')
    config, inputs, expected = golden['config'], golden['inputs'], golden['outputs']
    backbone = EVAPretrainViT(arch=arch_of(KINDS[kind], config), img_size=config['img_size'], patch_grad_scale=0.1)
    backbone, _ = loaded(backbone, golden, tmp_path, 'module')
    head = nn.Linear(config['embed_dim'], config['predict_feature_dim'])
    head.load_state_dict({name: golden['state_dict'][f'lm_head.{name}'] for name in ('weight', 'bias')})
    tokens, mask = backbone(inputs['image'], inputs['bool_masked_pos'])
    assert relative(tokens, expected['tokens_after_norm']) < 1e-5
    prediction = head(tokens[:, 1:][mask])
    assert relative(prediction, expected['pred']) < 1e-5
    loss = -F.cosine_similarity(prediction, inputs['target'], dim=-1).mean()
    assert loss.item() == pytest.approx(expected['loss'], rel=1e-4)
    loss.backward()
    same_gradients(backbone, expected['grad_norm'], skip=('lm_head',))


@pytest.mark.parametrize('size', ['96', '128'])
def test_detection_at_two_sizes_with_one_set_of_weights(reference, size):
    """Windows count from 0, the grid of global blocks is stretched to 16, and padding of windows is attended."""
    golden = reference('eva02/det_vit_a.pt')
    config, expected = golden['config'], golden['outputs'][size]
    model = nn.Module()
    model.net = EVAViTDet(
        arch_of('eva02-base', config, span=config['pt_hw_seq_len']),
        config['pretrain_img_size'],
        window_size=config['window_size'],
        global_attn_indexes=[i for i in range(config['depth']) if i not in config['window_block_indexes']],
        freeze_patch_embed=False,
        out_indices=range(config['depth']),
    )
    model.neck = SimpleFeaturePyramid(config['embed_dim'], config['pyramid']['out_channels'])
    weights = golden['state_dict']
    released = {f'neck.{name}' if name.startswith('simfp') else name: weight for name, weight in weights.items()}
    model.load_state_dict(released)
    outs = model.eval().net(golden['inputs'][f'image_{size}'])
    assert len(outs) == len(expected['blocks']) == config['depth']
    for found, block in zip(outs, expected['blocks']):
        assert relative(found.permute(0, 2, 3, 1), block) < 1e-5
    maps = dict(zip(('p2', 'p3', 'p4', 'p5', 'p6'), model.neck(outs[-1:])))
    for name, found in maps.items():
        assert relative(found, expected[name]) < 1e-5, name
    probe = golden['inputs'][f'probe_{size}']
    loss = sum((found * probe[name]).mean() for name, found in maps.items())
    assert loss.item() == pytest.approx(expected['probe_loss'], rel=1e-4)
    loss.backward()
    same_gradients(model, expected['grad_norm'], lambda name: f'neck.{name}' if name.startswith('simfp') else name)


def test_segmentation_backbone(reference, tmp_path):
    golden = reference('eva02/seg_eva2_a.pt')
    config = golden['config']
    model = EVAViT(
        arch_of('eva02-base', config, span=config['pt_hw_seq_len']),
        config['img_size'],
        config['patch_size'],
        out_type='featmap',
        out_indices=config['out_indices'],
    )
    weights = {name: weight for name, weight in golden['state_dict'].items() if not name.startswith('fpn')}
    model, _ = loaded(model, dict(state_dict=weights), tmp_path)
    for found, block in zip(model(golden['inputs']['image']), golden['outputs']['blocks']):
        assert relative(found.flatten(2).mT, block[:, 1:]) < 1e-5


def test_a_pretrained_file_starts_a_segmentation_backbone_as_the_released_loader_does(reference, tmp_path):
    golden = reference('eva02/seg_ckpt_load_a.pt')
    config, outputs = golden['config'], golden['outputs']
    model = EVAViT(
        arch_of('eva02-base', config),
        config['img_size'],
        config['patch_size'],
        out_type='featmap',
        out_indices=config['out_indices'],
    )
    torch.save({'module': golden['state_dict']}, tmp_path / 'mim.pt')
    report = load_pretrained(model, tmp_path / 'mim.pt')
    assert report.resized.keys() == {'backbone.pos_embed'} and not report.missing and not report.unexpected
    expected = golden['inputs']['state_dict_before'] | outputs['state_dict_after']
    for name, weight in model.state_dict().items():
        torch.testing.assert_close(weight, expected[name], rtol=0, atol=1e-6, msg=name)


@pytest.mark.parametrize('size', [56, 84, (56, 98)])
def test_a_checkpoint_gives_the_released_numbers_at_another_size(reference, tmp_path, size):
    """mmpretrain's port turns by other angles at any size but that of the file; converted tables hide it there."""
    golden = reference('eva02/cls_b_a.pt')
    config = golden['config']
    arch = arch_of('eva02-base', config, span=config['pt_hw_seq_len'])
    model, _ = loaded(EVAViT(arch, img_size=size, out_type='featmap'), golden, tmp_path)
    height, width = model.grid
    image = torch.randn(1, 3, 14 * height, 14 * width)
    (found,) = model(image)
    # the definition, with angles in double precision
    dims = model.embed_dims // model.arch.num_heads
    pairs = dims // 4
    angles = torch.zeros(1 + height * width, dims // 2, dtype=torch.float64)
    for token in range(height * width):
        row, column = divmod(token, width)
        for k in range(pairs):
            speed = 10000 ** (-k / pairs)
            angles[1 + token, k] = row * config['pt_hw_seq_len'] / height * speed
            angles[1 + token, pairs + k] = column * config['pt_hw_seq_len'] / width * speed

    class Definition(nn.Module):
        def forward(self, q, k, grid):
            return *(self.turn(each) for each in (q, k)), None

        @staticmethod
        def turn(x):
            a, b = x[..., ::2], x[..., 1::2]
            turned = (a * angles.cos() - b * angles.sin(), b * angles.cos() + a * angles.sin())
            return torch.stack(turned, dim=-1).flatten(-2).float()

    for block in model.blocks:
        block.attn.rel_pos = Definition()
    (expected,) = model(image)
    assert relative(found, expected) < 1e-5


def test_a_pretrained_file_starts_a_classifier_as_the_released_loader_does(reference, tmp_path):
    golden = reference('eva02/ckpt_load_b_a.pt')
    config, expected = golden['config'], golden['outputs']['state_dict_after']
    model = nn.Module()
    arch = arch_of('eva02-base', config, span=config['pt_hw_seq_len'])
    model.backbone = EVAViT(arch, config['img_size'], out_type='avg_featmap')
    model.head = nn.Module()
    model.head.fc = nn.Linear(config['embed_dim'], config['num_classes'])
    names = {of_classifier(name): name for name in expected if 'rope' not in name}
    before = golden['inputs']['state_dict_before']
    model.load_state_dict({ours: before[theirs] for ours, theirs in names.items()})
    torch.save({config['checkpoint_key']: golden['state_dict']}, tmp_path / 'mim.pt')
    report = load_model(model, tmp_path / 'mim.pt', 'classification')
    assert report.resized.keys() == {'backbone.pos_embed'} and not report.missing and not report.unexpected
    for ours, theirs in names.items():
        torch.testing.assert_close(model.state_dict()[ours], expected[theirs], rtol=0, atol=1e-6, msg=ours)
    model.eval()
    logits = model.head.fc(model.backbone(golden['inputs']['image'])[0])
    assert relative(logits, golden['outputs']['logits']) < 1e-5


@pytest.mark.parametrize('name', ['tiny', 'base'])
def test_pretraining_starts_as_released(reference, name):
    """Xavier, multiplied by sqrt(ln(2 * depth)) where the MLP has a norm, and not divided by the depth."""
    stats = reference('eva02/init_stats_a.json')['models'][f'mim_{name}']
    backbone = EVAPretrainViT(arch=f'eva02-{name}')
    backbone.init_weights()
    checked = 0
    for key, parameter in backbone.named_parameters():
        mean, std, largest = stats.get(key, (None,) * 3)
        if mean is None:
            continue
        if parameter.numel() > 5000:
            assert parameter.std().item() == pytest.approx(std, rel=0.03), key
        elif not key.endswith(('_token', 'proj.bias')):
            assert parameter.mean().item() == pytest.approx(mean, abs=1e-6), key
        if key in ('pos_embed', 'cls_token', 'mask_token'):
            assert parameter.abs().max() <= 0.02
        checked += 1
    assert checked > 30
    patch_bias = backbone.patch_embed.proj.bias.abs().max().item()
    assert 0 < patch_bias <= (3 * 14 * 14) ** -0.5


PARAMETERS = {
    ('tiny', None): 5_699_968 - 1024 * 193,
    ('small', None): 22_015_744 - 1024 * 385,
    ('base', None): 86_546_944 - 1024 * 769,
    ('large', None): 304_319_424 - 1024 * 1025,
    ('tiny', 336): 5_756_584 - 1000 * 193,
    ('small', 336): 22_129_000 - 1000 * 385,
    ('base', 448): 87_117_544 - 1000 * 769,
    ('large', 448): 305_080_232 - 1000 * 1025,
}


@pytest.mark.parametrize(('size', 'pixels'), PARAMETERS)
def test_full_size_parameter_counts(size, pixels):
    """Those of the released models without their last layer; ``None``: pre-training."""
    with torch.device('meta'):
        if pixels is None:
            backbone = EVAPretrainViT(arch=f'eva02-{size}')
        else:
            backbone = EVAViT(f'eva02-{size}', pixels, out_type='avg_featmap')
    assert sum(p.numel() for p in backbone.parameters()) == PARAMETERS[size, pixels]


@pytest.mark.parametrize(('size', 'expected'), [('base', 91_408_576), ('large', 311_193_792)])
def test_full_size_detector_backbone(size, expected):
    with torch.device('meta'):
        backbone = EVAViTDet(f'eva02-{size}')
        neck = SimpleFeaturePyramid(backbone.embed_dims, 256)
    assert sum(p.numel() for module in (backbone, neck) for p in module.parameters()) == expected


@pytest.mark.parametrize('size', ['tiny', 'small', 'base', 'large'])
def test_names_and_shapes_are_the_released_ones(reference, size):
    models = reference('eva02/param_names_a.json')['models']
    key = next(key for key in models if key.startswith('mim') and size in key.lower())
    expected = {
        name: tuple(value['shape'] if isinstance(value, dict) else value[0])
        for name, value in models[key]['keys'].items()
        if 'rope' not in name and not name.startswith('lm_head')
    }
    with torch.device('meta'):
        weights = EVAPretrainViT(arch=f'eva02-{size}').state_dict()
    found = {re.sub(r'blocks\.\d+', 'blocks.N', name): tuple(weight.shape) for name, weight in weights.items()}
    assert found == expected


DEPTHS = [
    ('cls', 'cls_tiny_0.9', '', EVAViT, 'eva02-tiny', 'avg_featmap'),
    ('cls', 'cls_large_0.8', '', EVAViT, 'eva02-large', 'avg_featmap'),
    ('det', 'b_coco_1024', 'backbone.net.', EVAViTDet, 'eva02-base', 'featmap'),
    ('seg', 'large_512', 'backbone.', EVAViT, 'eva02-large', 'featmap'),
    ('clip', 'EVA02-CLIP-L-14', 'visual.', EVAViT, 'eva02-clip-large', 'cls_token'),
    ('clip', 'EVA02-CLIP-bigE-14-plus', 'visual.', EVAViT, 'eva02-clip-enormous', 'cls_token'),
]


@pytest.mark.parametrize(('task', 'case', 'prefix', 'kind', 'arch', 'out_type'), DEPTHS)
def test_layer_depths_are_the_released_ones(reference, task, case, prefix, kind, arch, out_type):
    released = reference(f'eva02/layer_decay_{task}_a.json')['cases'][case]
    released = released.get('visual', released)
    with torch.device('meta'):
        backbone = kind(arch, out_type=out_type)
    assert len(released['lr_scale_by_layer_id']) == backbone.get_layer_depth('norm.weight')[1]
    for name, _ in backbone.named_parameters():
        index = re.search(r'^blocks\.(\d+)', name)
        depth = released['params'][prefix + re.sub(r'^blocks\.\d+', 'blocks.N', name)][0]
        depth = int(index[1]) + 1 if depth == 'N+1' else depth
        assert backbone.get_layer_depth(name)[0] == depth, name
        assert backbone.get_layer_depth(f'{prefix}{name}', prefix)[0] == depth, name
