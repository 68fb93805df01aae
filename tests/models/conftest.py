"""The released detectors, for every test that needs one."""

from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType

import pytest


@pytest.fixture(scope='session')
def released_detector() -> ModuleType:
    """``released_detector.py`` beside this folder, which imports mmdet."""
    pytest.importorskip('mmdet')
    spec = spec_from_file_location('released_detector', Path(__file__).parents[1] / 'released_detector.py')
    module = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
