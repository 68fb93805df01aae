"""--log-to: backends beside the local files, and one sentence where a package is missing."""

import pytest
from mmengine.config import Config

from eva_mm.apis import log_to as module
from eva_mm.apis.errors import UserError
from eva_mm.apis.log_to import BACKENDS, log_to


@pytest.fixture
def everything_installed(monkeypatch):
    monkeypatch.setattr(module, 'find_spec', lambda name: True)


def _types(cfg):
    return [backend['type'] for backend in cfg.visualizer.vis_backends]


def test_backends_are_added_once_to_those_of_the_config(everything_installed):
    cfg = Config(dict(visualizer=dict(type='DetLocalVisualizer', vis_backends=[dict(type='LocalVisBackend')])))
    log_to(cfg, ['tensorboard', 'mlflow'])
    log_to(cfg, ['tensorboard'])
    assert cfg.visualizer.type == 'DetLocalVisualizer'
    assert _types(cfg) == ['LocalVisBackend', 'TensorboardVisBackend', 'MLflowVisBackend']


def test_a_config_without_visualizer_keeps_the_local_files(everything_installed):
    cfg = Config(dict())
    log_to(cfg, ['wandb'])
    assert _types(cfg) == ['LocalVisBackend', 'WandbVisBackend']


def test_mmengine_has_the_backends():
    from mmengine.registry import VISBACKENDS

    assert all(VISBACKENDS.get(kind) for kind in BACKENDS.values())


def test_a_missing_package_is_one_sentence(monkeypatch):
    monkeypatch.setattr(module, 'find_spec', lambda name: None)
    with pytest.raises(UserError, match='--log-to wandb needs the package wandb, .* pip install wandb'):
        log_to(Config(dict()), ['wandb'])


def test_an_unknown_name_is_one_sentence():
    with pytest.raises(UserError, match="--log-to got 'wand': choose from tensorboard, wandb, mlflow"):
        log_to(Config(dict()), ['wand'])
