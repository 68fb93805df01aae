from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import PARAM_SCHEDULERS, DefaultScope
from torch import nn

pytest.importorskip('mmdet')

CONFIGS = Path(__file__).parents[2] / 'configs' / 'detection'
COCO, LVIS, O365 = 1_073_745_214, 1_077_487_050, 1_071_977_285
# the relative tables of ten global blocks of 1024 instead of 1280 pixels are 32 rows shorter
O365_1024 = O365 - 10 * 2 * 32 * 88
FULL_SIZE = {
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco': COCO,
    'cascade-mask-rcnn_eva-g-p16_1536_coco-det': COCO,
    'cascade-mask-rcnn_eva-g-p16_lsj-1280_lvis': LVIS,
    'cascade-mask-rcnn_eva-g-p16_1536_lvis': LVIS,
    'cascade-rcnn_eva-g-p16_lsj-1024_o365': O365_1024,
    'cascade-rcnn_eva-g-p16_lsj-1280_o365': O365,
}


def build(cfg):
    from mmdet.registry import MODELS
    from mmdet.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    with DefaultScope.overwrite_default_scope('mmdet'), torch.device('meta'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', FULL_SIZE)
def test_parameters_are_those_of_the_released_detector(name):
    model = build(Config.fromfile(CONFIGS / f'{name}.py'))
    assert sum(parameter.numel() for parameter in model.parameters()) == FULL_SIZE[name]


def test_optimizer_groups_match_the_released_ones(reference):
    from eva_mm.checkpoint import convert_state_dict

    cfg = Config.fromfile(CONFIGS / 'cascade-mask-rcnn_eva-g-p16_lsj-1280_coco.py')
    model = build(cfg)
    wrapper = dict(cfg.optim_wrapper, type='OptimWrapper')
    wrapper.pop('dtype')
    groups = build_optim_wrapper(model, wrapper).optimizer.param_groups
    found = {id(each): (group['lr'], group['weight_decay']) for group in groups for each in group['params']}
    expected = reference('det_optimizer.json')['COCO']['params']
    names = convert_state_dict({name: torch.empty(0) for name in expected}, 'detection').report.renamed
    parameters = dict(model.named_parameters())
    assert len(groups) == 42 and len(found) == len(expected)
    for name, settings in expected.items():
        ours = names.get(name, name)
        assert found[id(parameters[ours])] == pytest.approx(settings), ours
    frozen = {key for key, value in parameters.items() if not value.requires_grad}
    assert frozen == {'backbone.patch_embed.proj.weight', 'backbone.patch_embed.proj.bias'}


@pytest.mark.parametrize('name, reference_name', [('coco', 'COCO'), ('lvis', 'LVIS')])
def test_schedule_matches_the_released_one(reference, name, reference_name):
    cfg = Config.fromfile(CONFIGS / f'cascade-mask-rcnn_eva-g-p16_lsj-1280_{name}.py')
    expected = reference('det_optimizer.json')[reference_name]
    assert cfg.train_cfg.max_iters == expected['schedule']['max_iter']
    optimizer = torch.optim.SGD(nn.Linear(1, 1).parameters(), lr=1.0)
    schedulers = [PARAM_SCHEDULERS.build(dict(each, optimizer=optimizer)) for each in cfg.param_scheduler]
    wanted = {int(step): value for step, value in expected['lr_multiplier'].items()}
    for step in range(cfg.train_cfg.max_iters):
        if step in wanted:
            assert optimizer.param_groups[0]['lr'] == pytest.approx(wanted[step]), step
        optimizer.step()
        for scheduler in schedulers:
            scheduler.step()


def test_faithful_recipe_differs_in_clipping_and_guard_only():
    for name in ('coco', 'lvis'):
        ours = Config.fromfile(CONFIGS / f'cascade-mask-rcnn_eva-g-p16_lsj-1280_{name}.py').to_dict()
        faithful = Config.fromfile(CONFIGS / f'cascade-mask-rcnn_eva-g-p16_lsj-1280_{name}_faithful.py').to_dict()
        assert ours['optim_wrapper'].pop('clip_grad') == dict(max_norm=35.0)
        assert faithful['optim_wrapper'].pop('clip_grad') is None
        # every run has the guard unless its config says otherwise
        assert 'long_run' not in ours
        assert faithful.pop('long_run') == dict(loss_guard=None)
        assert ours == faithful
