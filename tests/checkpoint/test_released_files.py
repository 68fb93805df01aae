"""A file with the key set of each released family loads into the model of its config, at a reduced width."""

from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import DefaultScope

from eva_mm.checkpoint import load_model

pytest.importorskip('mmpretrain')
pytest.importorskip('open_clip')

CONFIGS = Path(__file__).parents[2] / 'configs'
PRETRAINING = dict(backbone=dict(img_size=56), head=dict(embed_dims=48, out_channels=24))
CLASSIFIER = dict(
    data_preprocessor=dict(num_classes=11),
    backbone=dict(img_size=56, init_cfg=None),
    head=dict(in_channels=48, num_classes=11),
)
DECODER = dict(embed_dims=32, num_layers=1, num_heads=4, feedforward_channels=128)
CASES = {
    'mim': ('pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py', 'pretrain', PRETRAINING),
    'mae': (
        'pretrain/eva-l-p14_mae-eva-clip_in21k-224px.py',
        'pretrain',
        dict(backbone=dict(img_size=56, decoder_arch=DECODER), head=dict(embed_dims=32, out_channels=24)),
    ),
    'classifier': ('classification/eva-g-p14_in21k-pre_in1k-336px.py', 'classification', CLASSIFIER),
    'classifier-l': ('classification/eva-l-p14_in1k-196px.py', 'classification', CLASSIFIER),
    'linear-probe': (
        'classification/eva-g-p14_clip-pre_linear_in1k-224px.py',
        'classification',
        {**CLASSIFIER, 'neck': dict(input_features=48)},
    ),
}


def build(config, overrides, arch):
    from mmpretrain.registry import MODELS
    from mmpretrain.utils import register_all_modules

    register_all_modules(init_default_scope=False)
    cfg = Config.fromfile(CONFIGS / config)
    for part, changes in overrides.items():
        cfg.model[part].update(changes)
    cfg.model.backbone.arch = arch
    if 'target_generator' in cfg.model:
        # a teacher that is never loaded, of a name that needs no folder
        cfg.model.target_generator.update(model='ViT-L-14-quickgelu', pretrained='openai')
    with DefaultScope.overwrite_default_scope('mmpretrain'):
        return MODELS.build(cfg.model)


@pytest.mark.parametrize('name', CASES)
def test_nothing_is_missing_fresh_or_left_over(family, small_arch, tmp_path, name):
    config, task, overrides = CASES[name]
    weights = family(name)
    torch.save({'model': weights}, tmp_path / 'released.pt')
    model = build(config, overrides, small_arch)
    report = load_model(model, tmp_path / 'released.pt', task)
    assert not (report.missing or report.fresh or report.unexpected or report.dropped or report.resized)
    loaded = model.state_dict()
    assert len(loaded) == len(weights)
    assert all(torch.equal(loaded[new], weights[old]) for old, new in report.renamed.items())


@pytest.mark.parametrize('name', ['mim', 'clip-vision', 'clip', 'classifier'])
def test_what_fine_tuning_starts_from(family, small_arch, tmp_path, name):
    """All of the backbone comes from the file but the pooled norm, where the file's model does not pool."""
    torch.save({'model': family(name)}, tmp_path / 'released.pt')
    overrides = {**CLASSIFIER, 'head': dict(in_channels=48, num_classes=7)}
    model = build('classification/eva-g-p14_clip-pre_in1k-224px.py', overrides, small_arch)
    report = load_model(model, tmp_path / 'released.pt', 'classification')
    fresh = {'head.fc.weight', 'head.fc.bias'}
    if name != 'classifier':
        fresh |= {'backbone.fc_norm.weight', 'backbone.fc_norm.bias'}
    assert not report.missing and report.fresh.keys() == fresh
