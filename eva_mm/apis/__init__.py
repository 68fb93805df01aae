"""What ``tools/`` and other programs call: build, train, test, and use EVA models of any task.

    from eva_mm.apis import build_inferencer, get_model, list_models

Names are imported when they are asked for: ``import eva_mm.apis`` itself imports neither torch nor a host.
"""

from importlib import import_module
from typing import Any

_MODULES = {
    'Inferencer': 'eva_mm.apis.inference',
    'Result': 'eva_mm.apis.inference',
    'UserError': 'eva_mm.apis.errors',
    'build_inferencer': 'eva_mm.apis.inference',
    'build_runner': 'eva_mm.apis.runner',
    'run_errors': 'eva_mm.apis.errors',
    'user_errors': 'eva_mm.apis.errors',
    'get_model': 'eva_mm.apis.model',
    'list_models': 'eva_mm.apis.model_index',
    'load_config': 'eva_mm.apis.config',
}

__all__ = list(_MODULES)


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f'eva_mm.apis has no {name!r}: it has {", ".join(_MODULES)}.')
    return getattr(import_module(_MODULES[name]), name)


def __dir__() -> list[str]:
    return [*globals(), *_MODULES]
