"""``mmcv._ext`` for an mmcv without compiled kernels.

Defect: the wheel ``mmcv-lite`` 2.1.0 carries all Python code of ``mmcv.ops`` but not the compiled module behind it, so
``import mmcv.ops`` fails; the compiled ``mmcv`` exists on PyPI as source only.
Gone when ``mmcv._ext`` is found before this file: with compiled mmcv nothing here is ever loaded.
"""

from collections.abc import Callable
from typing import Any

from eva_mm.compat.mmcv_ops import *  # noqa: F403
from eva_mm.compat.mmcv_ops import missing_kernel


def __getattr__(name: str) -> Callable[..., Any]:
    # mmcv.ops asserts at import that every kernel of every op exists; the missing ones speak up when called.
    if name.startswith('_'):
        raise AttributeError(name)
    return missing_kernel(name)
