import pytest

from eva_mm.checkpoint.layouts import find_layout

QKV = 'attn.qkv.weight'


@pytest.mark.parametrize(
    'names, layout',
    [
        ([f'blocks.0.{QKV}', 'lm_head.weight'], 'released'),
        ([f'visual.blocks.0.{QKV}', 'text.logit_scale'], 'eva-clip'),
        ([f'visual.trunk.blocks.0.{QKV}', 'logit_scale'], 'open_clip'),
        ([f'backbone.layers.0.{QKV}', 'head.fc.weight'], 'mmpretrain'),
        ([f'layers.0.{QKV}'], 'mmpretrain'),
        ([f'backbone.net.blocks.0.{QKV}'], 'eva-det'),
        ([f'backbone.blocks.0.{QKV}', 'head.fc.weight'], 'eva_mm'),
    ],
)
def test_detection(names, layout):
    assert find_layout(names).name == layout


def test_timm_names_are_the_released_ones():
    assert find_layout([f'blocks.0.{QKV}'], source='timm').name == 'released'


def test_refusals_name_what_is_known():
    with pytest.raises(ValueError, match='not of an EVA model: it holds 1 weights .conv1.weight'):
        find_layout(['conv1.weight'])
    with pytest.raises(ValueError, match="source='detectron' is unknown: choose from auto"):
        find_layout([f'blocks.0.{QKV}'], source='detectron')
