"""EVA-02-CLIP's recipes against the release's commands: values, parameters, learning rates of both towers."""

import json
import math
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS

from eva_mm.registry import MODELS
from tests.configs.test_clip import FOLDER, SHARED
from tests.helpers.recipes import differences

REFERENCE = Path(__file__).parents[1] / 'data/reference/eva02'
DECAY = json.loads((REFERENCE / 'layer_decay_clip_a.json').read_text())['cases']
SCHEDULES = json.loads((REFERENCE / 'lr_schedule_a.json').read_text())['schedules']
# parameters, of the vision tower; arch, pixels, patch, width, heads and layers of the text tower, shared width, pairs of a
# GPU, nodes, steps of an epoch, epochs, rates of the towers, their layer decay, patch dropout, released groups, schedule
RECIPES = {
    'b-p16_merged2b-224px': (
        149_691_137, 86_263_040, 'base', 224, 16, (512, 8, 12), 512, 2048, 8, 320, 200, (2e-4, 2e-5), (0.75, 0.75), 0.0,
        'EVA02-CLIP-B-16', 'clip_b_16',
    ),
    'l-p14_merged2b-224px': (
        427_755_457, 304_105_152, 'large', 224, 14, (768, 12, 12), 768, 1024, 16, 320, 100, (4e-4, 4e-5), (0.85, 0.75),
        0.0, 'EVA02-CLIP-L-14', 'clip_l_14',
    ),
    'l-p14_merged2b-336px': (
        428_083_137, 304_432_832, 'large', 336, 14, (768, 12, 12), 768, 480, 16, 656, 50, (4e-4, 4e-5), (0.75, 0.65), 0.0,
        'EVA02-CLIP-L-14-336', None,
    ),
    'e-p14_laion2b-224px': (
        4_704_589_569, 4_350_556_928, 'enormous', 224, 14, (1024, 16, 24), 1024, 800, 18, 352, 100, (4e-4, 4e-5),
        (0.9, 0.75), 0.5, None, None,
    ),
    'e-plus-p14_laion2b-224px': (
        5_044_889_089, 4_350_556_928, 'enormous', 224, 14, (1280, 20, 32), 1024, 1000, 18, 280, 100, (4e-4, 4e-5),
        (0.9, 0.75), 0.5, 'EVA02-CLIP-bigE-14-plus', None,
    ),
}  # fmt: skip


def load(name):
    return Config.fromfile(FOLDER / f'eva02-clip-{name}.py')


def test_every_config_has_its_numbers_here():
    assert {path.stem for path in FOLDER.glob('eva02-*.py')} == {f'eva02-clip-{name}' for name in RECIPES}


@pytest.mark.parametrize('name', RECIPES)
def test_values(name):
    _, _, arch, side, patch, text, width, pairs, nodes, steps, epochs, _, _, dropped, *_ = RECIPES[name]
    cfg = load(name)
    table = {
        **SHARED,
        'model.embed_dim': width,
        'model.visual.arch': f'eva02-clip-{arch}',
        'model.visual.img_size': side,
        'model.visual.patch_size': patch,
        'model.visual.drop_path_rate': 0.0,
        'model.visual.patch_dropout': dropped,
        'model.visual.with_cp': True,
        'model.text.with_cp': True,
        'model.text.context_length': 77,
        'model.text.vocab_size': 49408,
        'model.text.width': text[0],
        'model.text.heads': text[1],
        'model.text.layers': text[2],
        'optim_wrapper.optimizer.type': 'eva_mm.LAMB',
        'optim_wrapper.optimizer.betas': (0.9, 0.999),
        'optim_wrapper.optimizer.eps': 1e-8,
        'optim_wrapper.clip_grad.max_norm': 5.0,
        'train_dataloader.batch_size': pairs,
        'train_dataloader.dataset.pipeline.0.scale': side,
        'test_dataloader.dataset.pipeline.1.scale': side,
        'test_dataloader.dataset.pipeline.2.crop_size': side,
        'train_cfg.max_iters': steps * epochs,
        'train_cfg.val_interval': steps,
        'default_hooks.checkpoint.interval': steps,
        'randomness.seed': 4096,
    }
    if side == 336:
        table |= {'load_from': 'checkpoints/EVA02_CLIP_L_psz14_s4B.pt', 'model.text.init_cfg': None}
    else:
        table['model.text.init_cfg.projection'] = False
    assert differences(cfg, table) == {}
    text = (FOLDER / f'eva02-clip-{name}.py').read_text()
    assert re.search(r'on each of (\d+) nodes', text)[1] == str(nodes)


def rule(name, tower_rates, decays, depths):
    """Rate and weight decay of a parameter by our name."""
    tower = name.split('.')[0]
    if name == 'text.logit_scale':
        return 5e-4, 0.0
    index = ('visual', 'text').index(tower)
    block = re.search(r'(?:blocks|resblocks)\.(\d+)\.', name)
    first = re.match(r'visual\.(cls_token|pos_embed|patch_embed)|text\.(token_embedding|positional_embedding)', name)
    layer = int(block[1]) + 1 if block else 0 if first else depths[index] + 1
    flat = name.endswith(('.bias', 'cls_token', 'pos_embed', 'positional_embedding', '_bias'))
    norm = re.search(r'(norm\d?|_ln|ln_\d|ln_final)\.weight$', name)
    return tower_rates[index] * decays[index] ** (depths[index] + 1 - layer), 0.0 if flat or norm else 0.05


@pytest.mark.parametrize('name', RECIPES)
def test_parameters_and_learning_rates(name):
    count, visual, *_, rates, decays, _, groups, schedule = RECIPES[name]
    cfg = load(name)
    with torch.device('meta'):
        model = MODELS.build(cfg.model)
    parameters = dict(model.named_parameters())
    assert sum(p.numel() for p in parameters.values()) == count
    assert sum(p.numel() for p in model.visual.parameters()) == visual
    wrapper = {key: each for key, each in cfg.optim_wrapper.items() if key not in ('loss_scale', 'type')}
    wrapper = build_optim_wrapper(model, dict(wrapper, type='OptimWrapper'))
    found = {id(p): (group['lr'], group['weight_decay']) for group in wrapper.param_groups for p in group['params']}
    depths = len(model.visual.blocks), model.text.transformer.layers
    for key, parameter in parameters.items():
        lr, weight_decay = rule(key, rates, decays, depths)
        assert found[id(parameter)] == (pytest.approx(lr, rel=1e-12), weight_decay), key
    for tower, case in DECAY[groups].items() if groups else ():
        for released, (layer, weight_decay) in case['params'].items():
            if tower == 'other':
                continue  # the scale, see `rule`
            for block in range(depths[tower == 'text']) if '.N.' in released else [0]:
                ours = released.replace('.N.', f'.{block}.')
                scale = case['lr_scale_by_layer_id'][block + 1 if layer == 'N+1' else layer]
                assert found[id(parameters[ours])] == (pytest.approx(case['lr'] * scale, rel=1e-12), weight_decay), ours

    total = cfg.train_cfg.max_iters
    base = [group['lr'] for group in wrapper.param_groups]
    scheduler = PARAM_SCHEDULERS.build(dict(cfg.param_scheduler, optimizer=wrapper, end=total))

    def factors(step):
        scheduler.last_step = step
        return [value / lr for value, lr in zip(scheduler._get_value(), base, strict=True)]

    for step in range(0, total, total // 40):
        rising, falling = (step + 1) / 2000, (1 + math.cos(math.pi * (step - 2000) / (total - 2000))) / 2
        expected = rising if step < 2000 else falling
        assert factors(step) == [pytest.approx(expected, rel=1e-12)] * len(base), step
    if schedule:
        logged = SCHEDULES[schedule]
        assert logged['total_steps'] == total
        for step, values in zip(logged['steps'], logged['values'], strict=True):
            factor = factors(step)[0]
            assert values == pytest.approx([0.5 * rates[0] * factor, rates[1] * factor, 5e-4 * factor], rel=1e-12), step
