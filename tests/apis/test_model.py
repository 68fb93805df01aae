"""get_model: random, released and own weights."""

from pathlib import Path

import pytest
import torch

import eva_mm.apis.model as model_module
from eva_mm.apis import build_inferencer, get_model
from eva_mm.apis.errors import UserError
from eva_mm.checkpoint import export_state_dict

ROOT = Path(__file__).parents[2]
EVA = 'eva-g-p14_in21k-pre_in1k-336px'
# EVA-g's config made nano, so that its released file can be a small one
SMALL = {
    'model.backbone.arch': 'nano',
    'model.backbone.img_size': 84,
    'model.head.in_channels': 96,
    'model.head.num_classes': 10,
}


@pytest.fixture(scope='module')
def nano():
    torch.manual_seed(0)
    return get_model('nano/classification')


def _equal(first, second):
    ours, theirs = first.state_dict(), second.state_dict()
    return ours.keys() == theirs.keys() and all(torch.equal(ours[name], theirs[name]) for name in ours)


def test_random_weights_are_initialised_as_for_training(nano):
    assert not nano.training
    assert nano.head.fc.weight.abs().max() < 1e-3, 'the recipe starts the head near zero'
    assert 0.015 < nano.backbone.blocks[0].attn.qkv.weight.std() < 0.025
    assert nano._config.model.backbone.init_cfg is None


def test_a_checkpoint_of_a_run_by_name_and_by_itself(nano, tmp_path):
    meta = dict(cfg=nano._config.pretty_text, dataset_meta=dict(classes=tuple('abcdefghij')))
    torch.save(dict(state_dict=nano.state_dict(), meta=meta), tmp_path / 'run.pth')
    by_name = get_model('nano/classification', tmp_path / 'run.pth')
    alone = get_model(tmp_path / 'run.pth')
    assert _equal(by_name, nano) and _equal(alone, nano)
    assert by_name._dataset_meta['classes'] == tuple('abcdefghij')


def test_a_released_file_is_converted(nano, tmp_path):
    weights = export_state_dict(nano.state_dict(), 'released').state_dict
    torch.save({'model': weights}, tmp_path / 'eva_21k_1k_336px_psz14_ema_89p6.pt')
    model = get_model(EVA, pretrained=True, weights_dir=tmp_path, cfg_options=SMALL)
    assert _equal(model, nano)


def test_a_missing_released_file_is_found_before_anything_is_built(tmp_path, monkeypatch):
    monkeypatch.setattr(model_module, 'load_config', lambda *_: pytest.fail('the config was read'))
    with pytest.raises(FileNotFoundError, match='needs the released file eva_21k_1k_336px'):
        get_model(EVA, pretrained=True, weights_dir=tmp_path)


@pytest.mark.parametrize(
    'arguments, message',
    [
        (dict(name='nano/classification', pretrained=True), 'No weights were released'),
        (dict(name='nano/classification', pretrained='gone.pth'), 'Checkpoint not found: gone.pth'),
        (dict(name='nano/classification', device='toaster'), "The device 'toaster' cannot be used"),
        (dict(name='gone.pth'), 'Checkpoint not found: gone.pth'),
    ],
)
def test_wrong_calls_are_one_sentence(arguments, message):
    with pytest.raises((UserError, FileNotFoundError), match=message):
        get_model(**arguments)


def test_a_checkpoint_without_config_cannot_stand_alone(nano, tmp_path):
    torch.save(nano.state_dict(), tmp_path / 'weights.pth')
    with pytest.raises(UserError, match='carries no config'):
        get_model(tmp_path / 'weights.pth')


def test_a_model_with_a_random_head_is_refused(nano, tmp_path):
    other = get_model('nano/classification', cfg_options={'model.head.num_classes': 3})
    torch.save(dict(state_dict=other.state_dict()), tmp_path / 'three_classes.pth')
    with pytest.raises(UserError, match=r'has no weights for 2 parameters of this ImageClassifier.*add the data root'):
        get_model('nano/classification', tmp_path / 'three_classes.pth')
    assert build_inferencer(ROOT / 'configs/nano/classification.py', tmp_path / 'three_classes.pth', task='features')


def test_an_unsafe_file_is_refused(tmp_path):
    torch.save(dict(state_dict={}, meta=dict(cfg=tmp_path)), tmp_path / 'unsafe.pth')
    with pytest.raises(ValueError, match='can run code'):
        get_model('nano/classification', tmp_path / 'unsafe.pth')
