"""Golden numbers of the released code, for every test."""

import json
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest
import torch
from mmengine.registry import DefaultScope

import eva_mm  # noqa: F401  its compat hooks come before any host
from eva_mm.safe_io.weights import FORCE, FORCE_NOT

REFERENCE = Path(__file__).parent / 'data' / 'reference'


@pytest.fixture
def reference():
    """Load a golden file by its name: a dict of tensors (``.pt``) or plain values (``.json``)."""

    def load(name: str) -> dict:
        path = REFERENCE / name
        if path.suffix == '.json':
            return json.loads(path.read_text())
        return torch.load(path, weights_only=True)

    return load


@pytest.fixture
def arch_of():
    """The ``arch`` dict of a golden file's constructor arguments."""

    def arch(config: dict) -> dict:
        return dict(
            embed_dims=config['embed_dim'],
            num_layers=config['depth'],
            num_heads=config['num_heads'],
            feedforward_channels=int(config['embed_dim'] * config['mlp_ratio']),
        )

    return arch


@pytest.fixture(autouse=True, scope='module')
def _scope_of_module():
    """As ``_own_scope``, for the runners of a module's own fixtures."""
    yield from _restored_scope()


@pytest.fixture(autouse=True)
def _own_scope():
    """A runner of one test leaves its host's scope behind, in which another host's types are not found."""
    yield from _restored_scope()


def _restored_scope():
    before = dict(DefaultScope._instance_dict)
    yield
    DefaultScope._instance_dict.clear()
    DefaultScope._instance_dict.update(before)


@pytest.fixture(autouse=True)
def _own_loading(monkeypatch):
    """A command restricts ``torch.load`` for its process; a test is not one, and module fixtures outlive many."""
    for name in (FORCE, FORCE_NOT):
        monkeypatch.setenv(name, '0')


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(0)


@pytest.fixture(scope='session')
def own_folders() -> ModuleType:
    """``own_folders.py`` beside this file: makers of folders of a user's own data."""
    spec = spec_from_file_location('own_folders', Path(__file__).parent / 'own_folders.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
