"""The classification recipes at full size, on the meta device: parameters, groups and learning rates."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope

pytest.importorskip('mmpretrain')

ROOT = Path(__file__).parents[2]
CONFIGS = ROOT / 'configs' / 'classification'
REFERENCE = ROOT / 'tests' / 'data' / 'reference'
LEAVES = sorted(CONFIGS.glob('*.py'))
LAYER_DECAY = json.loads((REFERENCE / 'layer_decay.json').read_text())['cases']
SCHEDULES = {s['name']: s for s in json.loads((REFERENCE / 'lr_schedule.json').read_text())['schedules']}

# trainable parameters as the published logs state them
TRAINABLE = {
    'eva-g-p14_in21k-224px': 1_041_920_081,
    'eva-g-p14_in21k-pre_in1k-336px': 1_013_005_672,
    'eva-g-p14_in21k-pre_in1k-560px': 1_014_447_464,
    'eva-g-p14_clip-pre_in1k-224px': 1_012_555_112,
    'eva-g-p14_clip-pre_in1k-336px': 1_013_005_672,
    'eva-g-p14_clip-pre_linear_in1k-224px': 1_409_000,
    'eva-g-p14_clip-pre_linear_in1k-336px': 1_409_000,
    'eva-l-p14_in21k-224px': 325_565_777,
    'eva-l-p14_in1k-196px': 304_142_312,
    'eva-l-p14_in1k-336px': 304_531_432,
    'eva-l-p14_in21k-pre_in1k-196px': 304_142_312,
    'eva-l-p14_in21k-pre_in1k-336px': 304_531_432,
}
# batch of the run: GPUs times images on each, and epochs, warm-up epochs, lr, final lr, layer decay of the facts
RECIPES = {
    'eva-g-p14_in21k-224px': (64 * 64, 60, 15, 1e-4, 1e-6, 0.85),
    'eva-g-p14_in21k-pre_in1k-336px': (32 * 16, 10, 2, 3e-5, 0, 0.95),
    'eva-g-p14_in21k-pre_in1k-560px': (32 * 16, 15, 2, 3e-5, 0, 0.95),
    'eva-g-p14_clip-pre_in1k-224px': (16 * 32, 20, 2, 3e-5, 0, 0.9),
    'eva-g-p14_clip-pre_in1k-336px': (32 * 16, 20, 2, 3e-5, 0, 0.9),
    'eva-g-p14_clip-pre_linear_in1k-224px': (40 * 400, 90, 10, 1.0, 0, 1.0),
    'eva-g-p14_clip-pre_linear_in1k-336px': (40 * 400, 90, 10, 0.6, 0, 1.0),
    'eva-l-p14_in21k-224px': (64 * 64, 90, 15, 6e-4, 1e-6, 0.75),
    'eva-l-p14_in1k-196px': (8 * 128, 50, 5, 2e-4, 0, 0.8),
    'eva-l-p14_in1k-336px': (16 * 64, 50, 5, 2e-4, 0, 0.8),
    'eva-l-p14_in21k-pre_in1k-196px': (8 * 64, 20, 5, 6e-5, 0, 0.8),
    'eva-l-p14_in21k-pre_in1k-336px': (8 * 64, 20, 5, 6e-5, 0, 0.8),
}
GROUPS = {
    'eva-g-p14_in21k-224px': 'cls: eva_g_patch14 layer_decay=0.85 wd=0.05',
    'eva-g-p14_in21k-pre_in1k-336px': 'cls: eva_g_patch14 layer_decay=0.95 wd=0.05',
    'eva-l-p14_in1k-196px': 'cls: EVA-L layer_decay=0.8 wd=0.05',
}
# steps of an epoch in the published logs
STEPS = {
    name: 3439 if name == 'eva-l-p14_in21k-224px' else {4096: 3466, 512: 2502, 1024: 1251, 16000: 80}[recipe[0]]
    for name, recipe in RECIPES.items()
}
LOGGED = {
    'eva-g-p14_in21k-224px': 'ft_21k_lr',
    'eva-g-p14_in21k-pre_in1k-336px': 'ft_1k_336_lr',
    'eva-g-p14_in21k-pre_in1k-560px': 'ft_1k_560_lr',
    'eva-g-p14_clip-pre_linear_in1k-224px': 'linear_probe_lr',
}


def load(name):
    return Config.fromfile(CONFIGS / f'{name}.py')


def build(cfg):
    from mmpretrain.registry import MODELS
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope('mmpretrain'), torch.device('meta'):
        return MODELS.build(cfg.model)


def optimizer_of(cfg, model):
    """The optimizer of a config; DeepSpeed's wrapper needs an engine, so a plain one stands in."""
    wrapper = cfg.optim_wrapper.copy()
    wrapper.type = 'OptimWrapper'
    wrapper.pop('dtype', None)
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return build_optim_wrapper(model, wrapper)


@pytest.mark.parametrize('name', TRAINABLE)
def test_trainable_parameters_are_those_of_the_logs(name):
    model = build(load(name))
    assert sum(p.numel() for p in model.parameters() if p.requires_grad) == TRAINABLE[name]


def test_every_config_has_its_numbers_here():
    stems = {path.stem for path in LEAVES if 'robustness' not in path.stem and path.stem[:5] != 'eva02'}
    assert stems == TRAINABLE.keys() == RECIPES.keys()


@pytest.mark.parametrize('name', RECIPES)
def test_recipe(name):
    cfg = load(name)
    batch, epochs, warmup, lr, final, decay = RECIPES[name]
    assert cfg.optim_wrapper.optimizer.lr == lr
    assert cfg.train_cfg.max_epochs == epochs and cfg.param_scheduler.warmup_epochs == warmup
    assert lr * cfg.param_scheduler.eta_min_ratio == pytest.approx(final, abs=1e-18)
    assert cfg.optim_wrapper.get('paramwise_cfg', {}).get('layer_decay_rate', 1.0) == decay
    assert batch % cfg.train_dataloader.batch_size == 0 and cfg.train_dataloader.drop_last
    # the docstring says on how many GPUs, or how many images a step has
    text = (CONFIGS / f'{name}.py').read_text()
    nodes = int((re.search(r'on each of (\d+) nodes', text) or [0, 1])[1])
    assert nodes * 8 * cfg.train_dataloader.batch_size == batch


@pytest.mark.parametrize('name', GROUPS)
def test_groups_equal_the_released_ones(name):
    cfg = load(name)
    model = build(cfg)
    groups = optimizer_of(cfg, model).optimizer.param_groups
    depth = model.backbone.num_layers
    assert len(groups) == 2 * (depth + 2)
    of = {id(p): group for group in groups for p in group['params']}
    names = {'head.weight': 'head.fc.weight', 'head.bias': 'head.fc.bias'}
    parameters, seen = dict(model.named_parameters()), 0
    for pattern, count, _, *first_and_last in LAYER_DECAY[GROUPS[name]]:
        for block, (scale, weight_decay) in ((0, first_and_last[:2]), (count - 1, first_and_last[2:])):
            bare = pattern.replace('<i>', str(block))
            group = of[id(parameters[names.get(bare, f'backbone.{bare}')])]
            assert group['lr_scale'] == pytest.approx(scale, rel=1e-12)
            assert group['weight_decay'] == weight_decay
            assert group['lr'] == pytest.approx(cfg.optim_wrapper.optimizer.lr * scale, rel=1e-12)
        seen += count
    assert seen == len(parameters)


def schedule(cfg, wrapper, steps_per_epoch):
    scheduler = PARAM_SCHEDULERS.get('eva_mm.EVACosineLR')
    options = {key: cfg.param_scheduler[key] for key in ('warmup_epochs', 'eta_min_ratio')}
    return scheduler.build_iter_from_epoch(
        wrapper, epoch_length=steps_per_epoch, end=cfg.train_cfg.max_epochs, **options
    )


def learning_rates(scheduler, step):
    scheduler.last_step = step
    return scheduler._get_value()


@pytest.mark.parametrize('name', STEPS)
def test_learning_rate_of_every_group_at_50_steps(name):
    cfg = load(name)
    wrapper = optimizer_of(cfg, build(cfg))
    scheduler = schedule(cfg, wrapper, STEPS[name])
    _, epochs, warmup, lr, final, _ = RECIPES[name]
    total, rising = epochs * STEPS[name], warmup * STEPS[name]
    for step in (index * (total - 1) // 49 for index in range(50)):
        if step < rising:
            expected = lr * step / (rising - 1)
        else:
            expected = final + (lr - final) / 2 * (1 + math.cos(math.pi * (step - rising) / (total - rising)))
        for group, value in zip(wrapper.param_groups, learning_rates(scheduler, step), strict=True):
            assert value == pytest.approx(expected * group.get('lr_scale', 1.0), rel=1e-12, abs=1e-18)


@pytest.mark.parametrize('name', LOGGED)
def test_learning_rate_equals_the_released_function(name):
    cfg, logged = load(name), SCHEDULES[LOGGED[name]]
    assert logged['args']['niter_per_ep'] == STEPS[name]
    wrapper = optimizer_of(cfg, build(cfg))
    scheduler = schedule(cfg, wrapper, STEPS[name])
    for step, expected in zip(logged['steps'], logged['values'], strict=True):
        # the last group is the head, whose scale is 1
        assert learning_rates(scheduler, step)[-1] == pytest.approx(expected, rel=1e-12, abs=1e-18)


def test_fine_tuning_cuts_the_gradient_of_the_patch_embedding_and_starts_the_head_small():
    cfg = load('eva-g-p14_in21k-pre_in1k-336px')
    cfg.model.backbone.update(
        arch=dict(embed_dims=32, num_layers=2, num_heads=2, feedforward_channels=64), img_size=28, init_cfg=None
    )
    cfg.model.head.update(in_channels=32)
    from mmpretrain.registry import MODELS

    with DefaultScope.overwrite_default_scope('mmpretrain'):
        model = MODELS.build(cfg.model)
    model.init_weights()
    assert model.head.fc.weight.std().item() == pytest.approx(2e-5, rel=0.05)
    assert not model.head.fc.bias.any()
    model.head(model.backbone(torch.randn(2, 3, 28, 28))).sum().backward()
    assert model.backbone.patch_embed.proj.weight.grad is None
    assert model.backbone.cls_token.grad is not None


def test_the_linear_probe_trains_one_layer_only():
    cfg = load('eva-g-p14_clip-pre_linear_in1k-336px')
    model = build(cfg)
    trained = [name for name, p in model.named_parameters() if p.requires_grad]
    assert trained == ['head.fc.weight', 'head.fc.bias']
    assert not model.neck.bn.affine and model.neck.bn.eps == 1e-6
    model.train()
    assert model.neck.bn.training
    [group] = optimizer_of(cfg, model).optimizer.param_groups
    assert (group['momentum'], group['weight_decay'], group['trust_coefficient']) == (0.9, 0.0, 0.001)


# optimizer's betas and epsilon, drop path, least crop, label smoothing, CutMix, average of weights, pooled output, factor
# on the gradient of the patch embedding, images of a GPU in the validation
FINE, SHARP = ((0.9, 0.999), 1e-8), ((0.9, 0.98), 1e-6)
MEAN, TOKEN = 'avg_featmap', 'cls_token'
DETAILS = {
    'eva-g-p14_in21k-224px': (SHARP, 0.4, 0.5, 0.1, 1.0, None, MEAN, 0.0, None),
    'eva-g-p14_in21k-pre_in1k-336px': (FINE, 0.4, 0.08, 0.3, None, 0.9999, MEAN, 0.0, 24),
    'eva-g-p14_in21k-pre_in1k-560px': (FINE, 0.4, 0.08, 0.3, None, 0.9999, MEAN, 0.0, 24),
    'eva-g-p14_clip-pre_in1k-224px': (FINE, 0.4, 0.08, 0.3, None, 0.9999, MEAN, 0.0, 48),
    'eva-g-p14_clip-pre_in1k-336px': (FINE, 0.4, 0.08, 0.3, None, 0.9999, MEAN, 0.0, 24),
    'eva-g-p14_clip-pre_linear_in1k-224px': (None, 0.0, 0.08, None, None, None, TOKEN, 0.0, 400),
    'eva-g-p14_clip-pre_linear_in1k-336px': (None, 0.0, 0.08, None, None, None, TOKEN, 0.0, 400),
    # of EVA-L's runs the logs tell less: batch of the validation by rule, mixing where there is any, averages
    'eva-l-p14_in21k-224px': (SHARP, 0.4, 0.5, 0.1, 1.0, None, MEAN, 1.0, None),
    'eva-l-p14_in1k-196px': (FINE, 0.4, 0.08, 0.1, 1.0, 0.9999, MEAN, 1.0, 192),
    'eva-l-p14_in1k-336px': (FINE, 0.4, 0.08, 0.1, 1.0, 0.9999, MEAN, 1.0, 96),
    'eva-l-p14_in21k-pre_in1k-196px': (FINE, 0.4, 0.08, 0.2, None, 0.9999, MEAN, 1.0, 96),
    'eva-l-p14_in21k-pre_in1k-336px': (FINE, 0.4, 0.08, 0.2, None, 0.9999, MEAN, 1.0, 96),
}


def details(cfg):
    optimizer, augments = cfg.optim_wrapper.optimizer, (cfg.model.get('train_cfg') or {}).get('augments')
    crop = next(step for step in cfg.train_dataloader.dataset.pipeline if 'ResizedCrop' in step.type)
    # both crops have the same default
    (least, _) = crop.get('crop_ratio_range', crop.get('scale') if 'MAE' in crop.type else None) or (0.08, 1.0)
    averages = [1 - hook.momentum for hook in cfg.custom_hooks if hook.type == 'eva_mm.FP32EMAHook']
    return (
        (tuple(optimizer.betas), optimizer.eps) if 'betas' in optimizer else None,
        cfg.model.backbone.drop_path_rate,
        least,
        cfg.model.head.loss.get('label_smooth_val'),
        augments and augments.alpha,
        averages[0] if averages else None,
        cfg.model.backbone.out_type,
        cfg.model.backbone.patch_grad_scale,
        cfg.val_dataloader.batch_size if cfg.val_dataloader else None,
    )


@pytest.mark.parametrize('name', DETAILS)
def test_details(name):
    cfg = load(name)
    assert details(cfg) == DETAILS[name]
    assert cfg.randomness.seed == 0 and cfg.randomness.diff_rank_seed
    assert cfg.optim_wrapper.get('clip_grad') is None and 'gradient_clipping' not in (cfg.get('strategy') or {})
    decay = 0.0 if 'linear' in name else 0.05
    assert cfg.optim_wrapper.optimizer.weight_decay == decay


def test_every_recipe_has_its_details():
    assert DETAILS.keys() == RECIPES.keys()
