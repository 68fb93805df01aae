"""Every trunk of the table in projects/mixing/README.md under every head: a step of training and a prediction."""

import re
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.optim import build_optim_wrapper
from mmengine.registry import init_default_scope

from eva_mm.models.backbones import ARCH_ZOO
from tests.projects import test_mixing_detection as detection
from tests.projects import test_mixing_segmentation as segmentation

ROOT = Path(__file__).parents[2]
README = (ROOT / 'projects' / 'mixing' / 'README.md').read_text()
ROWS = re.findall(r'^\| ([^|`]+) \| `(\S+\.py)` \|(.*)\|$', README, re.MULTILINE)
FAMILIES = re.findall(r'`([a-z0-9-]+)`', re.search(r'^Trunks: (.*?)\n\n', README, re.MULTILINE | re.DOTALL)[1])
CELLS = [(head, path, each) for head, path, cells in ROWS for each in FAMILIES if f'`{each}`' not in cells]
SIZES = dict(embed_dims=16, num_layers=4, num_heads=2, feedforward_channels=32)


def _shrink(cfg, name):
    """The toy sizes of the recipes' own tests, with the parts of another family."""
    row, backbone = ARCH_ZOO[name], cfg.model.backbone
    if 'mixing/detection' in cfg.filename:
        detection.shrink(cfg)
        if row.rotary is not None:
            backbone.rel_pos_img_size = None
    elif backbone.type == 'eva_mm.EVAViTEoMT':
        backbone.update(img_size=64, num_queries=6, num_query_blocks=2, init_cfg=None)
        for head in ('panoptic_head', 'decode_head'):
            if head in cfg.model:
                cfg.model[head].in_channels = 16
        if 'panoptic_head' in cfg.model:
            cfg.model.data_preprocessor.update(pad_size_divisor=64, batch_augments=None)
        cfg.optim_wrapper.type = 'OptimWrapper'
    else:
        segmentation._shrink(cfg)
        backbone.pop('qkv_bias', None)
    backbone.arch = dict(name=name, **SIZES)
    if row.pool_heads:
        backbone.arch['pool_heads'] = 2


def _data(cfg):
    if 'detection' in cfg.filename and 'panoptic' not in cfg.filename:
        return detection.batch()
    return segmentation._data(cfg.default_scope)


@pytest.mark.parametrize(('head', 'path', 'name'), CELLS, ids=[f'{Path(p).stem}-{n}' for _, p, n in CELLS])
def test_trains_a_step_and_predicts(head, path, name, monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    cfg = Config.fromfile(ROOT / path)
    init_default_scope(cfg.default_scope)
    _shrink(cfg, name)
    model = import_module(f'{cfg.default_scope}.registry').MODELS.build(cfg.model)
    model.init_weights()
    assert model.backbone.arch.num_registers == ARCH_ZOO[name].num_registers
    optimizer = build_optim_wrapper(model, cfg.optim_wrapper)
    before = {key: value.clone() for key, value in model.named_parameters()}
    log = model.train().train_step(_data(cfg), optimizer)
    assert torch.isfinite(log['loss'])
    changed = [key for key, value in model.named_parameters() if not torch.equal(value, before[key])]
    assert any('_head.' in key for key in changed) and any(key.startswith('backbone.blocks.3.') for key in changed)
    results = model.eval().test_step(_data(cfg))
    assert len(results) == 2
    for result in results:
        if cfg.default_scope == 'mmseg':
            assert result.pred_sem_seg.data.shape == (1, 64, 64)
        else:
            assert torch.isfinite(result.pred_instances.bboxes).all()


def test_the_cell_that_is_left_out_says_why(monkeypatch):
    monkeypatch.syspath_prepend(str(ROOT))
    left_out = [(path, each) for _, path, cells in ROWS for each in FAMILIES if f'`{each}`' in cells]
    assert left_out == [('projects/mixing/segmentation/dpt_eva-b.py', 'siglip2-base')]
    cfg = Config.fromfile(ROOT / left_out[0][0])
    init_default_scope(cfg.default_scope)
    _shrink(cfg, 'siglip2-base')
    with pytest.raises(ValueError, match='this arch has none: choose another arch or head'):
        import_module('mmseg.registry').MODELS.build(cfg.model)


def test_the_table_is_as_large_as_it_says():
    assert len(FAMILIES) >= 5 and len(ROWS) >= 8 and len(CELLS) >= 40
    assert set(FAMILIES) <= set(ARCH_ZOO) and all((ROOT / path).is_file() for _, path, _ in ROWS)
