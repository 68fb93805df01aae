"""EVA-02's classification recipes at full size, on the meta device: values, parameters and learning rates."""

import json
import math
import re

import pytest
from mmengine.config import Config

from tests.configs.test_classification import (
    CONFIGS,
    FINE,
    MEAN,
    REFERENCE,
    build,
    details,
    learning_rates,
    load,
    optimizer_of,
    schedule,
)
from tests.helpers.recipes import differences

LAYER_DECAY = json.loads((REFERENCE / 'eva02/layer_decay_cls_a.json').read_text())['cases']
SCHEDULES = json.loads((REFERENCE / 'eva02/lr_schedule_a.json').read_text())['schedules']
SIZES = dict(ti='tiny', s='small', b='base', l='large')
# parameters; pixels, lr, layer decay, batch, epochs, warm-up epochs, drop path, smoothing, least crop, ZeRO stage of the
# release's README; whether the published weights are averaged (None: nothing is evaluated), and what it starts from
RECIPES = {
    'ti-p14_mim-in21k_in1k-336px': (
        5_756_584, 336, 2e-4, 0.9, 1024, 100, 5, 0.1, 0.1, 0.08, 0, False, 'Ti_pt_in21k_p14',
    ),
    's-p14_mim-in21k_in1k-336px': (
        22_129_000, 336, 1e-4, 0.8, 1024, 100, 5, 0.1, 0.1, 0.08, 0, False, 'S_pt_in21k_p14',
    ),
    'b-p14_mim-in21k_in1k-448px': (
        87_117_544, 448, 1e-4, 0.7, 1024, 30, 3, 0.1, 0.1, 0.08, 0, False, 'B_pt_in21k_p14',
    ),
    'l-p14_mim-in21k_in1k-448px': (
        305_080_232, 448, 5e-5, 0.8, 1024, 30, 3, 0.15, 0.2, 0.08, 1, True, 'L_pt_in21k_p14',
    ),
    'l-p14_mim-m38m_in1k-448px': (
        305_080_232, 448, 7e-5, 0.8, 1024, 30, 3, 0.15, 0.2, 0.08, 1, True, 'L_pt_m38m_p14',
    ),
    'b-p14_mim-in21k_in21k-448px': (
        103_144_273, 448, 3e-4, 0.7, 2048, 40, 1, 0.1, 0.1, 0.2, 1, None, 'B_pt_in21k_p14',
    ),
    'l-p14_mim-in21k_in21k-448px': (
        326_442_257, 448, 2e-4, 0.75, 1024, 20, 1, 0.15, 0.1, 0.2, 1, None, 'L_pt_in21k_p14',
    ),
    'l-p14_mim-m38m_in21k-448px': (
        326_442_257, 448, 3e-4, 0.75, 2048, 30, 1, 0.15, 0.1, 0.2, 1, None, 'L_pt_m38m_p14',
    ),
    'b-p14_mim-in21k_in21k-pre_in1k-448px': (
        87_117_544, 448, 5e-5, 0.8, 512, 15, 2, 0.15, 0.2, 0.08, 1, True, 'B_pt_in21k_medft_in21k_p14',
    ),
    'l-p14_mim-in21k_in21k-pre_in1k-448px': (
        305_080_232, 448, 2e-5, 0.85, 512, 20, 2, 0.15, 0.2, 0.08, 1, True, 'L_pt_in21k_medft_in21k_p14',
    ),
    'l-p14_mim-m38m_in21k-pre_in1k-448px': (
        305_080_232, 448, 2e-5, 0.85, 512, 20, 2, 0.15, 0.2, 0.08, 1, True, 'L_pt_m38m_medft_in21k_p14',
    ),
}  # fmt: skip
# the released schedules that were written down
LOGGED = {
    'ti-p14_mim-in21k_in1k-336px': 'in1k_ti_100ep',
    's-p14_mim-in21k_in1k-336px': 'in1k_s_100ep',
    'b-p14_mim-in21k_in1k-448px': 'in1k_b_30ep',
    'l-p14_mim-m38m_in1k-448px': 'in1k_l_m38m_30ep',
    'b-p14_mim-in21k_in21k-448px': 'in21k_b_40ep',
    'b-p14_mim-in21k_in21k-pre_in1k-448px': 'in21k_to_in1k_b_15ep',
    'l-p14_mim-m38m_in21k-pre_in1k-448px': 'in21k_to_in1k_l_20ep',
}
IMAGES = {'in1k': 1_281_167, 'in21k': 14_197_122}


def steps_of(name):
    return IMAGES[name.split('-448px')[0].split('-336px')[0].split('_')[-1]] // RECIPES[name][4]


def test_every_config_has_its_numbers_here():
    leaves = {path.stem.removeprefix('eva02-') for path in CONFIGS.glob('eva02-*.py') if 'robustness' not in path.stem}
    assert leaves == RECIPES.keys()


@pytest.mark.parametrize('name', RECIPES)
def test_values(name):
    (_, pixels, lr, decay, batch, epochs, warmup, path, smoothing, crop, zero, averaged, start) = RECIPES[name]
    cfg = load(f'eva02-{name}')
    size = name.split('-')[0]
    evaluated = averaged is not None
    table = {
        'model.backbone.arch': f'eva02-{SIZES[size]}',
        'model.backbone.img_size': pixels,
        'model.backbone.patch_size': 14,
        'model.backbone.init_cfg.checkpoint': f'checkpoints/eva02_{start}.pt',
        'model.head.num_classes': 1000 if evaluated else 21841,
        'model.head.loss.label_smooth_val': smoothing,
        'model.train_cfg': None,  # nothing is mixed
        'train_cfg.max_epochs': epochs,
        'param_scheduler.warmup_epochs': warmup,
        'param_scheduler.eta_min_ratio': 0.0,
        'optim_wrapper.optimizer.type': 'AdamW',
        'optim_wrapper.optimizer.lr': lr,
        'optim_wrapper.optimizer.weight_decay': 0.05,
        'optim_wrapper.paramwise_cfg.layer_decay_rate': decay,
        'optim_wrapper.clip_grad': None,
        'strategy.gradient_clipping': None,
        'strategy.zero_optimization.stage': zero,
        'train_dataloader.dataset.pipeline.1.scale': pixels,
        'train_dataloader.dataset.pipeline.3.magnitude': 9,
        'train_dataloader.dataset.pipeline.3.magnitude_std': 0.5,
        'train_dataloader.dataset.pipeline.4.type': 'PackInputs',  # nothing is erased
        'test_dataloader.dataset.pipeline.1.scale': pixels if evaluated else None,
        'test_dataloader.dataset.pipeline.2.crop_size': pixels if evaluated else None,
        'test_dataloader.batch_size': cfg.train_dataloader.batch_size * 3 // 2 if evaluated else None,
    }
    assert differences(cfg, table) == {}
    average = 0.9999 if evaluated else None
    expected = (FINE, path, crop, smoothing, None, average, MEAN, 0.0, table['test_dataloader.batch_size'])
    assert details(cfg) == expected
    both = [hook.get('evaluate_on_origin', False) for hook in cfg.custom_hooks]
    assert both == ([not averaged] if evaluated else [])
    nodes = re.search(r'on each of (\d+) nodes', (CONFIGS / f'eva02-{name}.py').read_text())
    assert (int(nodes[1]) if nodes else 1) * 8 * cfg.train_dataloader.batch_size == batch


def released_groups(case, depth):
    """Our name of a parameter to its share of the learning rate and its weight decay."""
    names = {'head.weight': 'head.fc.weight', 'head.bias': 'head.fc.bias'}
    for name, (layer, weight_decay) in case['params'].items():
        for block in range(depth) if '.N.' in name else [-1]:
            bare = name.replace('.N.', f'.{block}.')
            scale = case['lr_scale_by_layer_id'][block + 1 if layer == 'N+1' else layer]
            yield names.get(bare, f'backbone.{bare}'), (scale, weight_decay)


@pytest.mark.parametrize('name', RECIPES)
def test_parameters_and_learning_rates(name):
    """Every parameter is in the released group, and every group follows the released schedule."""
    count, _, lr, decay, _, epochs, warmup, *_ = RECIPES[name]
    cfg = load(f'eva02-{name}')
    model = build(cfg)
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == count
    case = LAYER_DECAY[f'cls_{SIZES[name.split("-")[0]]}_{decay}']
    wrapper = optimizer_of(cfg, model)
    names = {id(p): parameter for parameter, p in model.named_parameters()}
    found = {
        names[id(p)]: (group['lr'] / lr, group['weight_decay']) for group in wrapper.param_groups for p in group['params']
        if id(p) in names
    }  # fmt: skip
    expected = dict(released_groups(case, model.backbone.num_layers))
    assert found.keys() == expected.keys()
    for parameter, (scale, weight_decay) in expected.items():
        assert found[parameter] == (pytest.approx(scale, rel=1e-12), weight_decay), parameter

    scales = [group['lr'] / lr for group in wrapper.param_groups]
    scheduler = schedule(cfg, wrapper, steps_of(name))
    total, rising = epochs * steps_of(name), warmup * steps_of(name)
    rates = {step: lr / 2 * (1 + math.cos(math.pi * (step - rising) / (total - rising))) for step in
             range(rising, total, total // 20)}  # fmt: skip
    rates |= {step: lr * step / (rising - 1) for step in range(0, rising, rising // 10)}
    if name in LOGGED:
        logged = SCHEDULES[LOGGED[name]]
        assert logged['steps_per_epoch'] == steps_of(name)
        rates |= dict(zip(logged['steps'], logged['values'], strict=True))
    for step, rate in rates.items():
        for scale, value in zip(scales, learning_rates(scheduler, step), strict=True):
            assert value == pytest.approx(rate * scale, rel=1e-12, abs=1e-18), step


@pytest.mark.parametrize('name', ['l-p14_mim-m38m_in21k-pre_in1k-448px', 'b-p14_mim-in21k_in21k-pre_in1k-448px'])
def test_robustness_is_evaluated_at_448_pixels(name):
    """The sets, classes and filters of EVA-01's table; the network of the recipe."""
    ours, recipe = load(f'eva02-{name}_robustness'), load(f'eva02-{name}')
    theirs = Config.fromfile(CONFIGS / 'eva-g-p14_in21k-pre_in1k-336px_robustness.py')
    for key in ('arch', 'img_size', 'patch_size', 'out_type'):
        assert ours.model.backbone[key] == recipe.model.backbone[key]
    assert ours.model.head.in_channels == recipe.model.head.in_channels
    assert ours.test_evaluator == theirs.test_evaluator
    sets = json.dumps(theirs.test_dataloader.dataset.to_dict()).replace('336', '448')
    assert json.loads(json.dumps(ours.test_dataloader.dataset.to_dict())) == json.loads(sets)
