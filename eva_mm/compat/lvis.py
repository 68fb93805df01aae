"""lvis: its evaluation on NumPy 1.24 and later."""

from types import ModuleType
from typing import Any

__all__ = ['restore_float']


class _NumpyWithFloat(ModuleType):
    """NumPy as the module ``lvis.eval`` knows it: everything passes through, and ``float`` is Python's."""

    float = float

    def __init__(self, numpy: ModuleType) -> None:
        super().__init__(numpy.__name__)
        self._numpy = numpy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)


def restore_float(lvis_eval: ModuleType) -> None:
    """Give ``np.float`` back to ``lvis.eval``, and to nobody else.

    Defect: lvis 0.5.3 (and mmlvis) calls ``astype(dtype=np.float)`` in ``LVISEval.accumulate``; NumPy removed the
    alias in 1.24. Gone when ``lvis/eval.py`` no longer contains ``np.float``.
    """
    if not hasattr(lvis_eval.np, 'float'):
        lvis_eval.np = _NumpyWithFloat(lvis_eval.np)
