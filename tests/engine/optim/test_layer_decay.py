import json
from pathlib import Path

import pytest
import torch
from mmengine.logging import MMLogger
from mmengine.optim import build_optim_wrapper
from torch import nn

from eva_mm.engine.optim.layer_decay import LayerDecayOptimWrapperConstructor

REFERENCE = Path(__file__).parents[2] / 'data' / 'reference'
CASES = json.loads((REFERENCE / 'layer_decay.json').read_text())['cases']

# What a config writes to get the released rule of each task.
CLASSIFICATION = dict(
    flat_decay_mult=0.0,
    custom_keys={'.cls_token': dict(decay_mult=0.0), '.pos_embed': dict(decay_mult=0.0)},
)
SEGMENTATION = dict(
    flat_decay_mult=0.0,
    first_layer_keys=[
        f'decode_head.{name}' for name in ('cls_embed', 'mask_embed', 'level_embed', 'query_embed', 'query_feat')
    ],
)


class NamedParameters(nn.Module):
    """Parameters of one element under given dotted names, with the depths of the release."""

    def __init__(self, ndims: dict[str, int], backbone: str = '', num_blocks: int = 40):
        super().__init__()
        self.prefix, self.num_layers = backbone, num_blocks + 2
        for name, ndim in ndims.items():
            *path, leaf = name.split('.')
            module = self
            for part in path:
                if part not in module._modules:
                    module.add_module(part, nn.Module())
                module = module._modules[part]
            module.register_parameter(leaf, nn.Parameter(torch.zeros((1,) * ndim)))

    def get_layer_depth(self, name, prefix=''):
        last = self.num_layers - 1
        if not name.startswith(self.prefix):
            return last, self.num_layers
        head, _, rest = name[len(self.prefix) :].partition('.')
        if head in ('cls_token', 'mask_token', 'pos_embed', 'patch_embed'):
            return 0, self.num_layers
        return (int(rest.split('.')[0]) + 1 if head == 'blocks' else last), self.num_layers


def construct(model, optimizer=None, wrapper='OptimWrapper', **paramwise_cfg):
    optimizer = optimizer or dict(type='AdamW', lr=1.0, weight_decay=0.05)
    cfg = dict(
        type=wrapper,
        optimizer=optimizer,
        constructor='eva_mm.LayerDecayOptimWrapperConstructor',
        paramwise_cfg=paramwise_cfg,
    )
    return build_optim_wrapper(model, cfg)


def settings_by_name(model, optim_wrapper):
    """Map each optimized parameter's name to its (lr, lr_scale, weight_decay)."""
    groups = optim_wrapper.optimizer.param_groups
    of = {id(p): g for g in groups for p in g['params']}
    assert sum(len(g['params']) for g in groups) == len(of), 'a parameter is in two groups'
    return {
        name: tuple(of[id(p)][key] for key in ('lr', 'lr_scale', 'weight_decay'))
        for name, p in model.named_parameters()
        if id(p) in of
    }


def expand(rows):
    return {pattern.replace('<i>', str(i)): ndim for pattern, count, ndim, *_ in rows for i in range(count)}


def recipe(case):
    """Learning rate, weight decay, paramwise_cfg, blocks, backbone prefix and group count."""
    task, _, rest = case.partition(': ')
    if task == 'det':
        lr = {'COCO': 2.5e-5, 'LVIS': 2e-4}[rest]
        return lr, 0.1, dict(layer_decay_rate=0.9), 40, 'backbone.net.', 42
    if task == 'seg':
        return 2.5e-5, 0.05, dict(SEGMENTATION, layer_decay_rate=0.95), 40, 'backbone.', 84
    rate = float(rest.split('=')[1].split()[0]) if '=' in rest else 0.9
    options = dict(CLASSIFICATION, layer_decay_rate=rate)
    if 'pre-training' in rest:
        options['layer_decay_rate'] = rate = 1.0
    if 'disable_weight_decay_on_rel_pos_bias' in rest:
        table = {'.relative_position_bias_table': dict(decay_mult=0.0)}
        options['custom_keys'] = {**options['custom_keys'], **table}
    blocks = 24 if 'EVA-L' in rest else 40
    return 1e-3, 0.05, options, blocks, '', 2 if rate == 1.0 else 2 * (blocks + 2)


@pytest.mark.parametrize('case', CASES)
def test_groups_equal_the_release(case):
    if 'disable_weight_decay' in case:
        # the line of the fixture carries no rate of its own: it repeats the case before it
        assert 'same with' in case
    lr, decay, options, num_blocks, backbone, num_groups = recipe(case)
    model = NamedParameters(expand(CASES[case]), backbone, num_blocks)
    wrapper = construct(model, dict(type='AdamW', lr=lr, weight_decay=decay), **options)
    assert len(wrapper.optimizer.param_groups) == num_groups
    got = settings_by_name(model, wrapper)
    assert len(got) == sum(count for _, count, *_ in CASES[case])
    for pattern, count, _, *expected in CASES[case]:
        for i, (scale, weight_decay) in ((0, expected[:2]), (count - 1, expected[2:])):
            name = pattern.replace('<i>', str(i))
            assert got[name] == pytest.approx((lr * scale, scale, weight_decay), rel=1e-14), name


@pytest.mark.parametrize('rate, num_blocks', [(0.9, 40), (0.7, 12)])
def test_detection_rates_equal_the_release(rate, num_blocks):
    reference = json.loads((REFERENCE / 'det_lr_decay_rate.json').read_text())
    expected = reference[f'{rate}|{num_blocks}']
    # the release excepts residual convolutions inside a block, which no EVA detector has
    expected.pop('backbone.net.blocks.3.residual.conv1.weight')
    model = NamedParameters(dict.fromkeys(expected, 2), 'backbone.net.', num_blocks)
    got = settings_by_name(model, construct(model, layer_decay_rate=rate))
    assert {name: lr for name, (lr, *_) in got.items()} == pytest.approx(expected, rel=1e-14)


class Backbone(nn.Module):
    def __init__(self):
        super().__init__()
        self.proj = nn.Linear(2, 2)
        self.norm = nn.LayerNorm(2)

    def get_layer_depth(self, name, prefix=''):
        return (0 if name.startswith(f'{prefix}proj') else 2), 3


class Detector(nn.Module):
    """A model of a host whose base class knows nothing of layer depth."""

    def __init__(self):
        super().__init__()
        self.backbone = Backbone()
        self.head = nn.Linear(2, 2)
        self.teacher = nn.Linear(2, 2).requires_grad_(False)


def test_asks_the_backbone_and_leaves_frozen_parameters_out():
    model = Detector()
    got = settings_by_name(model, construct(model, layer_decay_rate=0.5))
    assert got['backbone.proj.weight'][0] == 0.25
    assert got['backbone.norm.weight'][0] == got['head.weight'][0] == 1.0
    assert not [name for name in got if name.startswith('teacher')]


@pytest.mark.parametrize('paramwise_cfg', [None, {}])
def test_without_options_frozen_parameters_are_left_out_too(paramwise_cfg):
    cfg = dict(optimizer=dict(type='SGD', lr=1.0))
    model = Detector()
    wrapper = LayerDecayOptimWrapperConstructor(cfg, paramwise_cfg)(model)
    assert len(wrapper.optimizer.param_groups) == 1
    assert len(wrapper.optimizer.param_groups[0]['params']) == 6


def test_shared_parameter_is_taken_once():
    model = Detector()
    model.head.weight = model.backbone.proj.weight
    wrapper = construct(model, layer_decay_rate=0.5)
    params = [p for g in wrapper.optimizer.param_groups for p in g['params']]
    assert len(params) == len({id(p) for p in params}) == 5
    assert settings_by_name(model, wrapper)['backbone.proj.weight'][0] == 0.25


def test_decay_factors_and_their_precedence():
    got = settings_by_name(
        model := Detector(),
        construct(model, norm_decay_mult=0.2, bias_decay_mult=0.4, flat_decay_mult=0.6),
    )
    decay = {name: pytest.approx(value[2] / 0.05) for name, value in got.items()}
    assert decay['backbone.norm.bias'] == decay['backbone.norm.weight'] == 0.2
    assert decay['head.bias'] == 0.4
    assert decay['head.weight'] == 1.0


def test_longest_custom_key_wins_and_scales_the_rate():
    model = Detector()
    keys = {'head': dict(lr_mult=3.0), 'head.bias': dict(lr_mult=5.0, decay_mult=0.0)}
    wrapper = construct(model, layer_decay_rate=0.5, flat_decay_mult=0.0, custom_keys=keys)
    got = settings_by_name(model, wrapper)
    assert got['head.weight'] == (3.0, 3.0, 0.05)
    assert got['head.bias'] == (5.0, 5.0, 0.0)
    assert got['backbone.proj.bias'] == (0.25, 0.25, 0.0)


def test_leading_dot_anchors_a_custom_key():
    model = NamedParameters({'pos_embed': 3, 'decoder_pos_embed': 3, 'net.pos_embed': 3})
    wrapper = construct(model, custom_keys={'.pos_embed': dict(decay_mult=0.0)})
    decays = {name: value[2] for name, value in settings_by_name(model, wrapper).items()}
    assert decays == {'pos_embed': 0.0, 'decoder_pos_embed': 0.05, 'net.pos_embed': 0.0}


def test_first_layer_keys_match_whole_names():
    model = NamedParameters({'head.mask.0.weight': 2, 'head.mask_feature.weight': 2}, '', 2)
    wrapper = construct(model, layer_decay_rate=0.5, first_layer_keys=['head.mask'])
    got = settings_by_name(model, wrapper)
    assert got['head.mask.0.weight'][0] == 0.125
    assert got['head.mask_feature.weight'][0] == 1.0


needs_cuda = pytest.mark.skipif(
    not torch.cuda.is_available(), reason='AmpOptimWrapper of mmengine refuses to run on a CPU'
)


@pytest.mark.parametrize(
    'wrapper, device',
    [('OptimWrapper', 'cpu'), pytest.param('AmpOptimWrapper', 'cuda', marks=needs_cuda)],
)
def test_optim_wrapper_trains(wrapper, device):
    model = Detector().to(device)
    optim_wrapper = construct(model, wrapper=wrapper, layer_decay_rate=0.5)
    assert type(optim_wrapper).__name__ == wrapper
    before = model.backbone.proj.weight.detach().clone()
    features = model.backbone.proj(torch.ones(1, 2, device=device))
    optim_wrapper.update_params(model.head(features).sum())
    assert not torch.equal(before, model.backbone.proj.weight)


def test_deepspeed_wrapper_gets_only_the_optimizer():
    optim_wrapper = construct(Detector(), wrapper='DeepSpeedOptimWrapper', layer_decay_rate=0.5)
    assert type(optim_wrapper).__name__ == 'DeepSpeedOptimWrapper'


def test_summary_is_logged_once(caplog):
    logger = MMLogger.get_instance('layer-decay-test')
    logger.addHandler(caplog.handler)
    construct(Detector(), layer_decay_rate=0.5, flat_decay_mult=0.0)
    tables = [r.message for r in caplog.records if 'parameter groups' in r.message]
    assert len(tables) == 1
    rows = [line.split() for line in tables[0].splitlines()[2:]]
    assert rows == [
        ['0', '0.25', '6', '1', 'x', '0.05,', '1', 'x', '0'],
        ['2', '1', '10', '3', 'x', '0,', '1', 'x', '0.05'],
    ]


ADAMW = dict(type='AdamW', lr=1.0, weight_decay=0.05)


@pytest.mark.parametrize(
    'optimizer, options, message',
    [
        (ADAMW, dict(layer_decay=0.9), "unknown option 'layer_decay'"),
        (ADAMW, dict(custom_keys=dict(head=dict(lr=2))), "unknown option 'lr'"),
        (ADAMW, dict(custom_keys=['head']), 'must be a dict'),
        (ADAMW, dict(first_layer_keys=['head.mask']), "'head.mask', but Detector has no"),
        (dict(type='AdamW'), dict(), 'needs an `lr`'),
        (dict(type='AdamW', lr=1.0), dict(flat_decay_mult=0.0), 'needs a `weight_decay`'),
    ],
)
def test_bad_options(optimizer, options, message):
    with pytest.raises(ValueError, match=message):
        construct(Detector(), optimizer, **options)


def test_bad_models():
    with pytest.raises(ValueError, match='asks the backbone for `get_layer_depth`'):
        construct(nn.Linear(2, 2), layer_decay_rate=0.9)
    with pytest.raises(ValueError, match='nothing to optimize'):
        construct(nn.Linear(2, 2).requires_grad_(False))
