import importlib
import inspect
import sys

import pytest

from eva_mm.compat.import_hooks import AfterImport, StandIns


@pytest.fixture
def module_file(tmp_path, monkeypatch):
    """Write a module into a folder of its own that is importable, and forget the module afterwards."""
    monkeypatch.syspath_prepend(tmp_path)
    before = set(sys.modules)

    def write(name, text):
        file = tmp_path / f'{name}.py'
        file.write_text(text)
        importlib.invalidate_caches()
        return file

    yield write
    for name in set(sys.modules) - before:
        del sys.modules[name]


@pytest.fixture
def at_end(monkeypatch):
    def add(finder):
        monkeypatch.setattr(sys, 'meta_path', [*sys.meta_path, finder])

    return add


@pytest.fixture
def at_start(monkeypatch):
    def add(finder):
        monkeypatch.setattr(sys, 'meta_path', [finder, *sys.meta_path])

    return add


def test_stand_in_is_loaded_under_the_missing_name(module_file, at_end, tmp_path):
    at_end(StandIns({'absent_module': module_file('ours', 'kind = __name__')}))
    assert importlib.import_module('absent_module').kind == 'absent_module'


def test_real_module_wins(module_file, at_end, tmp_path):
    folder = tmp_path / 'ours'
    folder.mkdir()
    (folder / 'stand_in.py').write_text('kind = "ours"')
    module_file('present_module', 'kind = "real"')
    at_end(StandIns({'present_module': folder / 'stand_in.py'}))
    assert importlib.import_module('present_module').kind == 'real'


def test_stand_in_package_brings_its_modules(at_end, tmp_path):
    package = tmp_path / 'ours'
    package.mkdir()
    (package / '__init__.py').write_text('')
    (package / 'part.py').write_text('kind = __name__')
    at_end(StandIns({'absent_package': package / '__init__.py'}))
    assert importlib.import_module('absent_package.part').kind == 'absent_package.part'
    for name in ('absent_package', 'absent_package.part'):
        del sys.modules[name]


def test_stand_in_can_be_reloaded(module_file, at_end):
    at_end(StandIns({'absent_again': module_file('ours_again', 'kind = 1')}))
    module = importlib.import_module('absent_again')
    module.kind = 2
    assert importlib.reload(module).kind == 1


def test_unknown_names_stay_missing(module_file, at_end):
    at_end(StandIns({'absent_module': module_file('ours', '')}))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('absent_module_2')


def test_repair_sees_the_finished_module_once(module_file, at_start):
    module_file('repairable', 'value = 1')
    seen = []
    at_start(AfterImport({'repairable': lambda module: seen.append(module.value)}))
    assert importlib.util.find_spec('repairable') is not None
    assert seen == []
    importlib.import_module('repairable')
    importlib.import_module('repairable')
    assert seen == [1]


def test_repaired_module_keeps_its_loader(module_file, at_start):
    module_file('repairable_too', 'def f():\n    return 1\n')
    at_start(AfterImport({'repairable_too': lambda module: None}))
    module = importlib.import_module('repairable_too')
    assert 'exec_module' not in vars(module.__spec__.loader)
    assert inspect.getsource(module.f) == 'def f():\n    return 1\n'


def test_repair_of_a_missing_module_does_not_invent_it(at_start):
    at_start(AfterImport({'missing_repairable': lambda module: None}))
    with pytest.raises(ModuleNotFoundError):
        importlib.import_module('missing_repairable')


def test_repair_imported_acts_on_loaded_modules_only(module_file):
    module_file('loaded_module', '')
    seen = []
    importlib.import_module('loaded_module')
    AfterImport({'loaded_module': seen.append, 'not_loaded_module': seen.append}).repair_imported()
    assert seen == [sys.modules['loaded_module']]
