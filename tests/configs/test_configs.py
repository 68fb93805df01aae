"""Every config parses, names types that exist, and builds its full-size model on the meta device."""

import re
from collections.abc import Iterator
from importlib import import_module
from pathlib import Path

import pytest
import torch
from mmengine.config import Config
from mmengine.registry import init_default_scope

from eva_mm.engine.long_run.accumulation import configured_accumulation

CONFIGS = Path(__file__).parents[2] / 'configs'
LEAVES = [path for path in sorted(CONFIGS.rglob('*.py')) if '_base_' not in path.parts]
FULL_SIZE = [path for path in LEAVES if path.parent.name != 'nano']
NANO = [path for path in LEAVES if path.parent.name == 'nano']
KINDS = (
    'MODELS', 'DATASETS', 'DATA_SAMPLERS', 'TRANSFORMS', 'METRICS', 'EVALUATOR', 'EVALUATORS', 'HOOKS', 'LOOPS',
    'OPTIMIZERS', 'OPTIM_WRAPPERS', 'OPTIM_WRAPPER_CONSTRUCTORS', 'PARAM_SCHEDULERS', 'TASK_UTILS', 'VISBACKENDS',
    'VISUALIZERS', 'STRATEGIES', 'WEIGHT_INITIALIZERS', 'LOG_PROCESSORS', 'FUNCTIONS', 'BATCH_AUGMENTS', 'TOKENIZER',
    'RUNNERS',
)  # fmt: skip
# what shrinking to a CPU may change: mixed precision and DeepSpeed to plain fp32, SyncBN to BN
SHRUNK_TYPES = {
    ('AmpOptimWrapper', 'OptimWrapper'),
    ('DeepSpeedOptimWrapper', 'OptimWrapper'),
    ('OptimWrapper', 'DeepSpeedOptimWrapper'),
    ('SyncBN', 'BN'),
    # mmseg's ADE20K takes only its own 150 class names
    ('ADE20KDataset', 'BaseSegDataset'),
}

# trainable parameters that the published logs state, or that the released checkpoints add up to
PARAMETERS = {
    'pretrain/eva-g-p14_mim-clip-l_merged30m-224px.py': 1012229632,
    'pretrain/eva-l-p14_mae-eva-clip_in21k-224px.py': 316576768,
}


def _name(path: Path) -> str:
    return str(path.relative_to(CONFIGS))


def _types(node: object, where: str = '') -> Iterator[tuple[str, str, str | None]]:
    """Place, type and scope of every dict with a ``type``."""
    if isinstance(node, dict):
        if isinstance(node.get('type'), str):
            yield where, node['type'], node.get('_scope_')
        for key, value in node.items():
            yield from _types(value, f'{where}.{key}')
    elif isinstance(node, (list, tuple)):
        for index, value in enumerate(node):
            yield from _types(value, f'{where}.{index}')


def _registries(scope: str) -> list:
    modules = [import_module('mmengine.registry'), import_module(f'{scope}.registry')]
    if scope == 'mmcv':
        modules = modules[:1]
    return [getattr(module, kind) for module in modules for kind in KINDS if hasattr(module, kind)]


# operators of mmcv that its hosts find by name, without a registry
OPERATORS = {'nms', 'soft_nms', 'RoIAlign'}


def _exists(kind: str, scope: str) -> bool:
    # a data set's or an evaluator's `type` may also be a plain word of its host, such as a norm layer
    return kind in OPERATORS or any(registry.get(kind) is not None for registry in _registries(scope))


@pytest.mark.parametrize('path', LEAVES, ids=_name)
def test_parses_and_names_types_that_exist(path):
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    assert cfg.default_scope != 'eva_mm'
    for where, kind, scope in _types(cfg._cfg_dict.to_dict()):
        assert _exists(kind, scope or cfg.default_scope), f'{where}: {kind}'
    if cfg.get('train_cfg'):
        step = cfg.train_dataloader.batch_size * configured_accumulation(cfg)
        assert cfg.auto_scale_lr.base_batch_size % step == 0, '--auto-scale-lr needs the batch of the recipe'


@pytest.mark.parametrize('path', LEAVES, ids=_name)
def test_opens_with_its_command(path):
    text = path.read_text()
    docstring = re.match(r'"""(.*?)"""', text, re.DOTALL)
    assert docstring, 'a leaf opens with a docstring'
    assert 'tools/' in docstring[1], 'the docstring gives the command'


def _model(path: Path) -> torch.nn.Module:
    cfg = Config.fromfile(path)
    init_default_scope(cfg.default_scope)
    registry = import_module(f'{cfg.default_scope}.registry').MODELS
    # mixup checks the parameters of its distribution, which have no values on the meta device
    torch.distributions.Distribution.set_default_validate_args(False)
    try:
        with torch.device('meta'):
            return registry.build(cfg.model)
    finally:
        torch.distributions.Distribution.set_default_validate_args(True)


@pytest.mark.parametrize('path', FULL_SIZE, ids=_name)
def test_full_size_model_builds_on_the_meta_device(path):
    model = _model(path)
    expected = PARAMETERS.get(_name(path))
    if expected:
        assert sum(p.numel() for p in model.parameters() if p.requires_grad) == expected


def test_every_expected_count_belongs_to_a_config():
    assert set(PARAMETERS) <= {_name(path) for path in FULL_SIZE}


# made of the nano COCO detector, as its parent is of the large one
OTHER_PARENTS = {'nano/detection_lvis-annotation.py': 'detection/cascade-mask-rcnn_eva-g-p16_1536_lvis-annotation.py'}


def _parent(path: Path) -> Path | None:
    """The config that a nano config shrinks: the first base outside of nano/ and _base_/."""
    if _name(path) in OTHER_PARENTS:
        return CONFIGS / OTHER_PARENTS[_name(path)]
    match = re.search(r"^_base_ = \[?\s*'([^']+)'", path.read_text(), re.MULTILINE)
    base = (path.parent / match[1]).resolve() if match and '::' not in match[1] else None
    if base and base.parent.name == 'nano':
        return _parent(base)
    return base


@pytest.mark.parametrize('path', NANO, ids=_name)
def test_nano_only_shrinks(path):
    parent = _parent(path)
    assert parent and parent.parent.name != 'nano', 'a nano config inherits a real one'
    real = {where: kind for where, kind, _ in _types(Config.fromfile(parent)._cfg_dict.to_dict())}
    for where, kind, _ in _types(Config.fromfile(path)._cfg_dict.to_dict()):
        if where in real and real[where] != kind:
            assert (real[where], kind) in SHRUNK_TYPES, f'{where}: {real[where]} became {kind}'
