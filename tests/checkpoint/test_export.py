import pytest
import torch

from eva_mm.checkpoint import convert_state_dict, export_state_dict

TASK = {
    'mim': 'pretrain',
    'mae': 'pretrain',
    'classifier': 'classification',
    'classifier-l': 'classification',
    'linear-probe': 'classification',
    'clip': 'clip',
}


def same(actual, expected):
    assert actual.keys() == expected.keys()
    assert all(torch.equal(actual[name], expected[name]) for name in expected)


@pytest.mark.parametrize('name', TASK)
def test_round_trip_through_our_names_is_exact(family, name):
    weights = family(name)
    ours = convert_state_dict({'model': weights}, TASK[name]).state_dict
    same(export_state_dict({'state_dict': ours}, 'released').state_dict, weights)


@pytest.mark.parametrize('name', ['classifier', 'classifier-l'])
def test_round_trip_through_timm_is_exact(family, name):
    weights = family(name)
    timm = export_state_dict(convert_state_dict(weights, 'classification').state_dict, 'timm').state_dict
    same(export_state_dict(timm, 'released', source='timm').state_dict, weights)


def test_round_trip_through_open_clip_is_exact(family):
    weights = family('clip')
    open_clip = export_state_dict(weights, 'open_clip').state_dict
    assert {'visual.trunk.head.weight', 'logit_scale', 'text.text_projection'} <= open_clip.keys()
    same(export_state_dict(open_clip, 'released').state_dict, weights)


def test_what_timm_lacks_is_dropped_with_the_reason(family):
    report = export_state_dict(family('mim'), 'timm').report
    assert report.dropped.keys() == {'mask_token', 'lm_head.weight', 'lm_head.bias'}


@pytest.mark.parametrize(
    'name, to, message',
    [
        ('linear-probe', 'timm', 'cannot be written for timm: .* batch normalisation'),
        ('mim', 'open_clip', 'cannot be written for open_clip'),
        ('mim', 'onnx', "to='onnx' is unknown: choose from released, timm, open_clip"),
    ],
)
def test_refusals(family, name, to, message):
    with pytest.raises(ValueError, match=message):
        export_state_dict(family(name), to)
