"""The repairs for the OneDL forks, on modules that behave as the forks do."""

import os
import pickle
from importlib.metadata import PackageNotFoundError
from types import ModuleType

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer

from eva_mm.compat import onedl
from eva_mm.compat.mmengine import allow_checkpoints


def fork_of_checkpoint():
    """``mmengine.runner.checkpoint`` as in onedl-mmengine 0.10.12: reads safely, and if that fails, anything."""
    module = ModuleType('mmengine.runner.checkpoint')

    def _safe_torch_load(file, map_location=None, weights_only=None):
        allowed = [getattr, HistoryBuffer, np.ndarray, np.dtype]
        try:
            with torch.serialization.safe_globals(allowed):
                return torch.load(file, map_location=map_location, weights_only=True)
        except pickle.UnpicklingError:
            return torch.load(file, map_location=map_location, weights_only=False)

    module._safe_torch_load = _safe_torch_load
    return module


class Command:
    def __init__(self, function, *args):
        self.call = function, args

    def __reduce__(self):
        return self.call


def hostile(path, zipped=True):
    """A checkpoint that makes a folder ``ran`` beside itself when it is unpickled."""
    ran = path.parent / 'ran'
    content = dict(state_dict=dict(weight=torch.ones(2)), meta=Command(os.mkdir, str(ran)))
    torch.save(content, path, _use_new_zipfile_serialization=zipped)
    return path, ran


@pytest.fixture(autouse=True)
def _own_list():
    """The fork takes entries off torch's list; other tests need them."""
    yield
    allow_checkpoints()


@pytest.mark.parametrize('zipped', [True, False])
@pytest.mark.parametrize('options', [{}, dict(weights_only=None), dict(weights_only=False)], ids=str)
def test_no_second_reading_runs_code(tmp_path, zipped, options):
    file, ran = hostile(tmp_path / 'a.pth', zipped)
    fork = fork_of_checkpoint()
    fork._safe_torch_load(file)
    assert ran.is_dir()
    ran.rmdir()

    onedl.load_without_code(fork)
    with pytest.raises(pickle.UnpicklingError):
        fork._safe_torch_load(file, **options)
    assert not ran.exists()


def test_getattr_serves_statistics_only(tmp_path):
    fork = fork_of_checkpoint()
    torch.save(Command(getattr, HistoryBuffer, '__init__'), tmp_path / 'a.pth')
    assert fork._safe_torch_load(tmp_path / 'a.pth') is HistoryBuffer.__init__
    onedl.load_without_code(fork)
    with pytest.raises(pickle.UnpicklingError, match='__init__'):
        fork._safe_torch_load(tmp_path / 'a.pth')


def test_what_a_runner_logs_is_read_again_and_by_others(tmp_path):
    file = tmp_path / 'a.pth'
    torch.save(dict(loss=HistoryBuffer([1.0, 2.0], [1, 1]), state=np.arange(3, dtype=np.uint8)), file)
    onedl.load_without_code(fork := fork_of_checkpoint())
    for _ in range(2):
        assert fork._safe_torch_load(file, 'cpu')['loss'].mean() == 1.5
    # DeepSpeed's shards, for one, are read by torch itself
    assert torch.load(file, weights_only=True)['state'].dtype == np.uint8


def test_reads_after_others_shortened_the_list(tmp_path):
    file = tmp_path / 'a.pth'
    torch.save(HistoryBuffer([1.0], [1]), file)
    onedl.load_without_code(fork := fork_of_checkpoint())
    with torch.serialization.safe_globals([HistoryBuffer, np.ndarray]):
        pass
    with pytest.raises(pickle.UnpicklingError):
        torch.load(file, weights_only=True)
    assert fork._safe_torch_load(file).mean() == 1.0


def test_mmengine_of_openmmlab_stays_as_it_is():
    module = ModuleType('mmengine.runner.checkpoint')
    onedl.load_without_code(module)
    assert not hasattr(module, '_safe_torch_load')


@pytest.fixture
def config_utils(monkeypatch):
    """mmengine's table, where the modules ``mmseg`` and ``mmdet`` are there and the named distributions are."""

    def make(*distributions):
        def distribution(name):
            if name not in distributions:
                raise PackageNotFoundError(name)

        monkeypatch.setattr('importlib.metadata.distribution', distribution)
        monkeypatch.setattr(onedl, 'find_spec', lambda name: True if name in ('mmseg', 'mmdet') else None)
        module = ModuleType('mmengine.config.utils')
        module.MODULE2PACKAGE = dict(mmdet='mmdet', mmseg='mmsegmentation', mmaction='mmaction2')
        return module

    return make


def test_a_host_of_another_distribution_is_found_by_its_module(config_utils):
    module = config_utils('onedl-mmsegmentation')
    onedl.name_hosts(module)
    # mmaction is not there at all: the name that one can install stays in mmengine's message
    assert module.MODULE2PACKAGE == dict(mmdet='mmdet', mmseg='mmseg', mmaction='mmaction2')


def test_distributions_of_openmmlab_keep_their_names(config_utils):
    module = config_utils('mmdet', 'mmsegmentation')
    before = dict(module.MODULE2PACKAGE)
    onedl.name_hosts(module)
    assert module.MODULE2PACKAGE == before
