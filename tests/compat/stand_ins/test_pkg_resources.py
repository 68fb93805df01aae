import importlib.util
import sys
from importlib.metadata import version

import pytest

import eva_mm.compat


@pytest.fixture(scope='module')
def stand_in():
    spec = eva_mm.compat._stand_ins.find_spec('pkg_resources')
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_distribution(stand_in):
    found = stand_in.get_distribution('addict')
    assert found.version == version('addict')
    assert importlib.util.find_spec('addict').origin.startswith(found.location)
    assert found.get_metadata('top_level.txt').split() == ['addict']
    assert not found.has_metadata('no_such_file.txt')
    with pytest.raises(FileNotFoundError, match='no_such_file.txt'):
        found.get_metadata('no_such_file.txt')


@pytest.mark.parametrize('name', ['no-such-package', ''])
def test_missing_distribution(stand_in, name):
    with pytest.raises(stand_in.DistributionNotFound, match='is not installed'):
        stand_in.get_distribution(name)


def test_old_namespace_packages(stand_in, tmp_path, monkeypatch):
    for folder in ('one', 'two'):
        (tmp_path / folder / 'old_space').mkdir(parents=True)
        (tmp_path / folder / 'old_space' / '__init__.py').write_text('')
        monkeypatch.syspath_prepend(tmp_path / folder)
    module = importlib.import_module('old_space')
    stand_in.declare_namespace('old_space')
    assert len(module.__path__) == 2
    del sys.modules['old_space']


def test_mmengine_without_setuptools(run_python, tmp_path):
    pytest.importorskip('mmdet')
    (tmp_path / 'config.py').write_text("_base_ = 'mmdet::_base_/default_runtime.py'\n")
    out = run_python(
        """
        import eva_mm
        from mmengine.config import Config
        from mmengine.utils import get_installed_path, is_installed
        import pkg_resources
        print(
            pkg_resources.__file__.endswith('pkg_resources.py'),
            is_installed('mmdet'),
            is_installed('no_such_package'),
            get_installed_path('mmdet').endswith('mmdet'),
            Config.fromfile('config.py').default_scope,
        )
        """,
        hidden=('pkg_resources', 'setuptools'),
    )
    assert out.split()[-5:] == ['True', 'True', 'False', 'True', 'mmdet']
