"""Folders of one's own, for the tests of the command lines."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope='session')
def own_folders() -> ModuleType:
    """``own_folders.py`` beside this folder."""
    spec = spec_from_file_location('own_folders', Path(__file__).parents[1] / 'own_folders.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
