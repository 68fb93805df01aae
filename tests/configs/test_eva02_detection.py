"""EVA-02's detectors against the release's configs and README: values, parameters, learning rates, schedules."""

import json
import re
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS
from torch import nn

from tests.configs.test_detection import CONFIGS, HARD, LVIS_CLASSES, MASKS, SHARED, SOFT, build, jitter
from tests.helpers.recipes import differences

REFERENCE = Path(__file__).parents[1] / 'data/reference/eva02'
DECAY = json.loads((REFERENCE / 'layer_decay_det_a.json').read_text())['cases']
SCHEDULES = json.loads((REFERENCE / 'lr_schedule_a.json').read_text())['schedules']
# pyramid and heads as EVA-g's, whose own parts are counted in tests/configs/test_detection.py
BACKBONES = dict(base=91_408_576, large=311_193_792)
FOUR = dict(base=(2, 5, 8, 11), large=(5, 11, 17, 23))
SIX, EIGHT = (1, 3, 5, 7, 9, 11), (2, 5, 8, 11, 14, 17, 20, 23)
HARD_COCO, HARD_LVIS = (0.05, HARD, 100, None), (0.02, HARD, 300, None)
SOFT_COCO, SOFT_LVIS = (0.0, SOFT, -1, None), (0.02, SOFT, -1, 0.5)
# size, pixels, window, global blocks, drop path, lr, layer decay, batch, iterations, released schedule, tested, start
RECIPES = {
    'mask-rcnn_eva02-b-p16_lsj-1024_coco': (
        'base', 1024, 16, FOUR['base'], 0.1, 5e-5, 0.7, 128, 60_000, 'det_b_coco_bsl', HARD_COCO, 'B_pt_in21k_p14to16.pt',
    ),
    'mask-rcnn_eva02-b-p16_lsj-1536_coco': (
        'base', 1536, 32, SIX, 0.1, 5e-5, 0.7, 128, 60_000, 'det_b_coco_bsl', SOFT_COCO, 'B_pt_in21k_p14to16.pt',
    ),
    'mask-rcnn_eva02-l-p16_lsj-1024_coco': (
        'large', 1024, 16, FOUR['large'], 0.4, 6e-5, 0.8, 144, 60_000, 'det_l_coco_bsl', HARD_COCO,
        'L_pt_m38m_p14to16.pt',
    ),
    'mask-rcnn_eva02-l-p16_lsj-1536_coco': (
        'large', 1536, 32, EIGHT, 0.4, 5e-5, 0.8, 128, 60_000, 'det_l_coco_sys', SOFT_COCO, 'L_pt_m38m_p14to16.pt',
    ),
    'mask-rcnn_eva02-b-p16_lsj-1024_lvis': (
        'base', 1024, 16, FOUR['base'], 0.1, 1e-4, 0.7, 128, 50_000, 'det_b_lvis_bsl', HARD_LVIS, 'B_pt_in21k_p14to16.pt',
    ),
    'mask-rcnn_eva02-l-p16_lsj-1024_lvis': (
        'large', 1024, 16, FOUR['large'], 0.4, 1e-4, 0.8, 128, 40_000, 'det_l_lvis', HARD_LVIS, 'L_pt_in21k_p14to16.pt',
    ),
    'mask-rcnn_eva02-l-p16_lsj-1536_lvis': (
        'large', 1536, 32, EIGHT, 0.4, 1e-4, 0.8, 128, 40_000, 'det_l_lvis', SOFT_LVIS, 'L_pt_in21k_p14to16.pt',
    ),
    'rcnn_eva02-l-p16_lsj-1536_o365': (
        'large', 1536, 16, EIGHT, 0.4, 6e-5, 0.8, 160, 400_000, 'det_l_o365', HARD_COCO, 'L_pt_m38m_p14to16.pt',
    ),
    'rcnn_eva02-l-p16_mim-in21k_lsj-1536_o365': (
        'large', 1536, 16, EIGHT, 0.4, 6e-5, 0.8, 160, 400_000, 'det_l_o365', HARD_COCO, 'L_pt_in21k_p14to16.pt',
    ),
    'mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco': (
        'large', 1536, 16, EIGHT, 0.3, 4e-5, 0.8, 64, 40_000, 'det_l_o365_to_coco', SOFT_COCO, 'L_m38m_to_o365.pth',
    ),
    'mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_lvis': (
        'large', 1536, 16, EIGHT, 0.3, 4e-5, 0.8, 64, 70_000, 'det_l_o365_to_lvis', SOFT_LVIS, 'L_in21k_to_o365.pth',
    ),
}  # fmt: skip
# the blocks of a released config whose groups were written down
GROUPS = {
    'mask-rcnn_eva02-b-p16_lsj-1024_coco': 'b_coco_1024',
    'mask-rcnn_eva02-l-p16_lsj-1024_coco': 'l_coco_1024',
    'mask-rcnn_eva02-l-p16_lsj-1536_coco': 'l_coco_1536_w32',
    'mask-rcnn_eva02-l-p16_o365-pre_lsj-1536_coco': 'l_o365_to_coco',
}
MASK_EVALUATIONS = [name for name, recipe in RECIPES.items() if recipe[10] is SOFT_COCO]


def path_of(name):
    return CONFIGS / f'cascade-{name}.py'


def load(name):
    return Config.fromfile(path_of(name))


def test_every_config_has_its_numbers_here():
    leaves = {path.stem for path in CONFIGS.glob('cascade-*eva02*.py')}
    assert leaves == {f'cascade-{name}' for name in [*RECIPES, *(f'{name}_mask' for name in MASK_EVALUATIONS)]}


@pytest.mark.parametrize('name', RECIPES)
def test_values(name):
    size, side, window, blocks, path, lr, decay, batch, iterations, _, tested, start = RECIPES[name]
    cfg, masks = load(name), 'mask' in name
    table = {
        **SHARED,
        **(MASKS if masks else {}),
        **jitter(side, masks),
        'model.backbone.arch': f'eva02-{size}',
        'model.backbone.window_size': window,
        'model.backbone.global_attn_indexes': blocks,
        'model.backbone.drop_path_rate': path,
        'model.backbone.freeze_patch_embed': False,
        'model.backbone.rel_pos_img_size': None,
        'optim_wrapper.clip_grad': None,
        'optim_wrapper.optimizer.lr': lr,
        'optim_wrapper.paramwise_cfg': {'layer_decay_rate': decay},
        'train_cfg.max_iters': iterations,
        'train_dataloader.batch_size': 1,
        'test_dataloader.dataset.pipeline.1.scale': (side, side),
    }
    if 'lvis' in name:
        table |= LVIS_CLASSES | {
            'train_dataloader.sampler.type': 'eva_mm.RepeatFactorSampler',
            'train_dataloader.sampler.repeat_thr': 0.001,
            'test_evaluator.max_dets': 1000 if 'o365' in name else 300,
            'train_cfg.val_interval': 5000 if 'o365' in name else 2500,
        }
    elif 'o365' in name and not masks:
        table |= {
            'model.roi_head.bbox_head.0.num_classes': 365,
            'model.roi_head.mask_head': None,
            'train_cfg.val_interval': 10_000,
        }
    assert differences(cfg, table) == {}
    rcnn = cfg.model.test_cfg.rcnn
    assert (rcnn.score_thr, rcnn.nms, rcnn.max_per_img, rcnn.get('maskness_thr')) == tested
    # the whole detector starts from one of Objects365, a backbone from masked image modelling
    place = 'model.init_cfg' if 'o365-pre' in name else 'model.backbone.init_cfg'
    other = 'model.backbone.init_cfg' if 'o365-pre' in name else 'model.init_cfg'
    assert differences(cfg, {f'{place}.checkpoint': f'checkpoints/eva02_{start}', other: None}) == {}
    averages = [1 - hook.momentum for hook in cfg.get('custom_hooks', []) if hook.type == 'eva_mm.FP32EMAHook']
    assert averages == ([0.9999] if 'o365-pre' in name else [])
    nodes = int(re.search(r'on each of (\d+) nodes', path_of(name).read_text())[1])
    assert nodes * 8 == batch


@pytest.mark.parametrize('name', MASK_EVALUATIONS)
def test_masks_are_evaluated_with_maskness(name):
    ours, masks = load(name).to_dict(), load(f'{name}_mask').to_dict()
    assert masks['model']['test_cfg']['rcnn'].pop('maskness_thr') == 0.5
    assert ours == masks


def rate_of(name, size, lr, decay):
    """Rate of a parameter by our name: embeddings, blocks and everything else."""
    depth = dict(base=12, large=24)[size]
    block = re.match(r'backbone\.blocks\.(\d+)\.', name)
    if block:
        layer = int(block[1]) + 1
    else:
        layer = 0 if re.match(r'backbone\.(pos_embed|patch_embed\.)', name) else depth + 1
    return lr * decay ** (depth + 1 - layer)


@pytest.mark.parametrize('name', RECIPES)
def test_parameters_and_learning_rates(name):
    """Nothing is frozen and everything is decayed."""
    size, *_, lr, decay, _, _, _, _, _ = RECIPES[name]
    cfg = load(name)
    model = build(cfg)
    parameters = dict(model.named_parameters())
    of_backbone = [p.numel() for key, p in parameters.items() if key.startswith(('backbone.', 'neck.'))]
    assert sum(of_backbone) == BACKBONES[size]
    wrapper = dict(cfg.optim_wrapper, type='OptimWrapper')
    wrapper.pop('dtype')
    groups = build_optim_wrapper(model, wrapper).optimizer.param_groups
    found = {id(p): (group['lr'], group['weight_decay']) for group in groups for p in group['params']}
    for key, parameter in parameters.items():
        assert found[id(parameter)] == (pytest.approx(rate_of(key, size, lr, decay), rel=1e-12), 0.1), key
    if name in GROUPS:
        case = DECAY[GROUPS[name]]
        scales = case['lr_scale_by_layer_id']
        assert (case['base_lr'], case['layer_decay']) == (lr, decay)
        assert sorted({group['lr'] / lr for group in groups}) == pytest.approx(sorted(scales), rel=1e-12)


@pytest.mark.parametrize('name', [name for name in RECIPES if 'mim-in21k' not in name])
def test_schedule_is_the_released_one(name):
    *_, lr, _, _, iterations, schedule, _, _ = RECIPES[name]
    logged = SCHEDULES[schedule]
    assert (logged['base'], logged['max_iter']) == (lr, iterations)
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=lr)
    schedulers = [PARAM_SCHEDULERS.build(dict(each, optimizer=optimizer)) for each in load(name).param_scheduler]
    wanted = dict(zip(logged['steps'], logged['values'], strict=True))
    for step in range(iterations):
        if step in wanted:
            # mmengine multiplies step by step, so rounding adds up
            assert optimizer.param_groups[0]['lr'] == pytest.approx(wanted[step], rel=1e-9), step
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()
