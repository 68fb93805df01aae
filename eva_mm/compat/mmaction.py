"""mmaction2: its multimodal models, which no recent transformers can serve, and its bound of mmcv."""

import sys
from types import ModuleType
from typing import Any

from . import mmpretrain

__all__ = ['accept_onedl_mmcv', 'leave_out_multimodal']

LAST_WORKING = (4, 55)


def leave_out_multimodal(dependency: ModuleType) -> None:
    """Keep ``mmaction.models`` importable beside a recent transformers.

    Defect: mmaction2 1.2.0 imports its multimodal models as soon as transformers >= 4.28 is installed. It works with
    transformers 4.49.0 to 4.55.4 and fails with 4.56.2 (``ImportError`` of ``apply_chunking_to_forward``), 4.57.6 and
    5. The three models that need transformers then answer as if it were not installed.
    Gone when ``import mmaction.models`` works without this call beside the newest transformers.
    """
    mmpretrain.leave_out_multimodal(dependency, LAST_WORKING)


def accept_onedl_mmcv(_: ModuleType) -> None:
    """Let ``import mmaction`` take the mmcv of OneDL, for which there is no fork of mmaction2.

    Defect: mmaction2 1.2.0 (the last one) asserts mmcv < 2.2, and onedl-mmcv, whose interface is that of mmcv 2.1, is
    2.3. Only the module in which the assertion stands, and which imports its version just before, sees another number.
    An mmcv of OpenMMLab is refused as before.
    Gone when ``import mmaction`` works beside onedl-mmcv without this call.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        version('onedl-mmcv')
    except PackageNotFoundError:
        return
    package = sys.modules.get('mmaction')
    if package is not None:
        vars(package)['mmcv'] = _TestedMmcv(package.mmcv)


class _TestedMmcv(ModuleType):
    """mmcv as ``mmaction/__init__.py`` knows it: the last version that mmaction2 was released with."""

    __version__ = '2.1.0'

    def __init__(self, mmcv: ModuleType) -> None:
        super().__init__(mmcv.__name__)
        self._mmcv = mmcv

    def __getattr__(self, name: str) -> Any:
        return getattr(self._mmcv, name)
