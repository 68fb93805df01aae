import pytest
import torch
from torch import nn

from eva_mm.registry import OPTIM_WRAPPER_CONSTRUCTORS

TOWERS = {
    'visual.': dict(lr_mult=0.8, layer_decay_rate=0.5),
    'text.': dict(lr_mult=0.1),
    'text.logit_scale': dict(),
}


class _Tower(nn.Module):
    def __init__(self):
        super().__init__()
        self.embed = nn.Linear(2, 2)
        self.block = nn.Linear(2, 2)
        self.head = nn.Linear(2, 2)


class _Model(nn.Module):
    def __init__(self):
        super().__init__()
        self.visual, self.text = _Tower(), _Tower()
        self.text.logit_scale = nn.Parameter(torch.ones([]))
        self.other = nn.Linear(2, 2)

    def get_layer_depth(self, name):
        return dict(embed=0, block=1, head=2)[name.split('.')[1]], 3


def _rates(towers, **paramwise_cfg):
    model = _Model()
    constructor = OPTIM_WRAPPER_CONSTRUCTORS.build(
        dict(
            type='eva_mm.TowerOptimWrapperConstructor',
            optim_wrapper_cfg=dict(type='OptimWrapper', optimizer=dict(type='AdamW', lr=1.0, weight_decay=0.1)),
            paramwise_cfg=dict(towers=towers, **paramwise_cfg),
        )
    )
    groups = constructor(model).optimizer.param_groups
    settings = {id(p): (group['lr'], group['weight_decay']) for group in groups for p in group['params']}
    return {name: settings[id(p)] for name, p in model.named_parameters()}


def test_each_tower_has_its_rate_and_its_decay():
    rates = _rates(TOWERS)
    expected = {
        'visual.embed.weight': 0.8 * 0.25,
        'visual.block.bias': 0.8 * 0.5,
        'visual.head.weight': 0.8,
        'text.embed.weight': 0.1,
        'text.head.weight': 0.1,
        'text.logit_scale': 1.0,
        'other.weight': 1.0,
    }
    assert {name: rates[name][0] for name in expected} == pytest.approx(expected)


def test_weight_decay_follows_the_parent_in_every_tower():
    rates = _rates(TOWERS, bias_decay_mult=0.0, custom_keys={'.logit_scale': dict(decay_mult=0.0)})
    decays = {name: decay for name, (_, decay) in rates.items()}
    assert decays['visual.head.weight'] == decays['text.embed.weight'] == 0.1
    assert decays['visual.head.bias'] == decays['text.embed.bias'] == decays['text.logit_scale'] == 0.0


def test_a_prefix_of_nothing():
    with pytest.raises(ValueError, match="towers names 'audio.', but no parameter of _Model begins so"):
        _rates({'audio.': dict(lr_mult=1.0)})


def test_an_unknown_option():
    with pytest.raises(ValueError, match="unknown option 'decay'; the options are lr_mult, layer_decay_rate"):
        _rates({'visual.': dict(decay=1.0)})
