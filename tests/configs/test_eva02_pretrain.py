"""EVA-02's pre-training recipes against the release's README and code: values, parameters, learning rates."""

import json
import math
import re

import pytest
import torch
from mmengine.config import Config

from tests.configs.test_classification import REFERENCE, build, learning_rates, optimizer_of, schedule
from tests.configs.test_pretrain import CONFIGS
from tests.helpers.recipes import differences

DECAY = json.loads((REFERENCE / 'eva02/layer_decay_cls_a.json').read_text())['cases']
SCHEDULES = json.loads((REFERENCE / 'eva02/lr_schedule_a.json').read_text())['schedules']
# trainable parameters, size, width, lr, images of a GPU, nodes, epochs, drop path, ZeRO stage, released schedule
RECIPES = {
    'ti-p14_mim-eva-clip-g_in21k': (5_699_968, 'tiny', 192, 3e-3, 100, 5, 240, 0.0, 0, 'mim_ti_s_240ep'),
    's-p14_mim-eva-clip-g_in21k': (22_015_744, 'small', 384, 3e-3, 100, 5, 240, 0.0, 0, 'mim_ti_s_240ep'),
    'b-p14_mim-eva-clip-g_in21k': (86_546_944, 'base', 768, 1.5e-3, 64, 4, 150, 0.0, 0, 'mim_b_l_150ep'),
    'l-p14_mim-eva-clip-g_in21k': (304_319_424, 'large', 1024, 1.5e-3, 32, 8, 150, 0.1, 1, 'mim_b_l_150ep'),
    'l-p14_mim-eva-clip-g_merged38m': (304_319_424, 'large', 1024, 1.5e-3, 32, 8, 56, 0.1, 1, None),
}
SHARED = {
    'model.type': 'eva_mm.EVAMIM',
    'model.backbone.type': 'eva_mm.EVAPretrainViT',
    'model.backbone.img_size': 224,
    'model.backbone.patch_size': 14,
    'model.backbone.patch_grad_scale': 0.1,
    'model.head.out_channels': 1024,
    'model.target_generator.model': 'local-dir:checkpoints/eva_clip_psz14_open_clip',
    'optim_wrapper.optimizer.type': 'AdamW',
    'optim_wrapper.optimizer.betas': (0.9, 0.98),
    'optim_wrapper.optimizer.eps': 1e-6,
    'optim_wrapper.optimizer.weight_decay': 0.05,
    'optim_wrapper.paramwise_cfg.layer_decay_rate': None,
    'param_scheduler.warmup_epochs': 1,
    'strategy.gradient_clipping': 3.0,
    'strategy.fp16.initial_scale_power': 16,
    'strategy.fp16.loss_scale_window': 500,
    'train_dataloader.dataset.pipeline.0.prob': 0.5,
    'train_dataloader.dataset.pipeline.1.scale': 224,
    'train_dataloader.dataset.pipeline.1.crop_ratio_range': (0.2, 1.0),
    'train_dataloader.dataset.pipeline.2.type': 'eva_mm.BlockwiseMask',
    'train_dataloader.dataset.pipeline.2.num_masked': 105,
    'model.data_preprocessor.mean': (255 * 0.48145466, 255 * 0.4578275, 255 * 0.40821073),
    'model.data_preprocessor.std': (255 * 0.26862954, 255 * 0.26130258, 255 * 0.27577711),
    'randomness.seed': 88,
    'randomness.diff_rank_seed': True,
}
MERGED = {'in21k', 'cc12m', 'cc3m', 'coco', 'ade20k', 'o365', 'openimages'}


def load(name):
    return Config.fromfile(CONFIGS / f'eva02-{name}-224px.py')


def test_every_config_has_its_numbers_here():
    assert {path.stem for path in CONFIGS.glob('eva02-*.py')} == {f'eva02-{name}-224px' for name in RECIPES}


@pytest.mark.parametrize('name', RECIPES)
def test_values(name):
    _, size, width, lr, images, nodes, epochs, path, zero, _ = RECIPES[name]
    cfg = load(name)
    table = {
        **SHARED,
        'model.backbone.arch': f'eva02-{size}',
        'model.backbone.drop_path_rate': path,
        'model.head.embed_dims': width,
        'optim_wrapper.optimizer.lr': lr,
        'strategy.zero_optimization.stage': zero,
        'train_dataloader.batch_size': images,
        'val_dataloader.batch_size': images * 3 // 2,
        'train_cfg.max_epochs': epochs,
    }
    assert differences(cfg, table) == {}
    assert set(cfg.train_dataloader.dataset.sources) == (MERGED if 'merged' in name else {'in21k'})
    text = (CONFIGS / f'eva02-{name}-224px.py').read_text()
    assert re.search(r'on each of (\d+) nodes', text)[1] == str(nodes)


def released_decay(case, depth):
    """Our name of a parameter to its weight decay."""
    for name, (_, weight_decay) in case['params'].items():
        for block in range(depth) if '.N.' in name else [0]:
            bare = name.replace('.N.', f'.{block}.')
            yield f'head.{bare}' if bare.startswith('lm_head') else f'backbone.{bare}', weight_decay


@pytest.mark.parametrize('name', RECIPES)
def test_parameters_and_learning_rates(name):
    count, size, _, lr, images, nodes, epochs, *_, logged = RECIPES[name]
    cfg = load(name)
    # a teacher that is never loaded, of a name that needs no folder
    cfg.model.target_generator.update(model='ViT-L-14-quickgelu', pretrained='openai')
    model = build(cfg)
    parameters = dict(model.named_parameters())
    assert sum(p.numel() for p in parameters.values()) == count
    wrapper = optimizer_of(cfg, model)
    names = {id(p): parameter for parameter, p in parameters.items()}
    found = {names[id(p)]: group['weight_decay'] for group in wrapper.param_groups for p in group['params']
             if id(p) in names}  # fmt: skip
    assert found == dict(released_decay(DECAY[f'mim_{size}'], model.backbone.num_layers))

    steps = 14_197_122 // (images * nodes * 8)
    scheduler = schedule(cfg, wrapper, steps)
    rates = {step: 1e-5 + (lr - 1e-5) / 2 * (1 + math.cos(math.pi * (step - steps) / ((epochs - 1) * steps)))
             for step in range(steps, epochs * steps, 40_009)}  # fmt: skip
    rates |= {step: lr * step / (steps - 1) for step in range(0, steps, 501)}
    if logged:
        assert SCHEDULES[logged]['steps_per_epoch'] == steps
        rates |= dict(zip(SCHEDULES[logged]['steps'], SCHEDULES[logged]['values'], strict=True))
    for step, rate in rates.items():
        assert learning_rates(scheduler, step) == [pytest.approx(rate, rel=1e-12)] * len(wrapper.param_groups), step


def test_the_predictor_starts_from_xaviers_normal_distribution():
    from eva_mm.registry import MODELS

    head = MODELS.build(dict(load('ti-p14_mim-eva-clip-g_in21k').model.head))
    torch.nn.init.ones_(head.lm_head.bias)
    head.init_weights()
    weight = head.lm_head.weight
    assert weight.std().item() == pytest.approx(math.sqrt(2 / sum(weight.shape)), rel=0.01)
    # a uniform distribution would end at 1.73 deviations
    assert weight.abs().max() > 3 * weight.std() and not head.lm_head.bias.any()
