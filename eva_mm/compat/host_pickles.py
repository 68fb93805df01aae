"""Data sets of the hosts that unpickle their files by themselves."""

import pickle
from types import ModuleType
from typing import Any

__all__ = ['read_numeric_arrays', 'read_plain_pickles']


class _PlainPickle(ModuleType):
    """``pickle`` as a host knows it: everything passes through, and reading takes plain values and arrays alone."""

    def __init__(self) -> None:
        super().__init__('pickle')

    def __getattr__(self, name: str) -> Any:
        return getattr(pickle, name)

    @staticmethod
    def load(file: Any, **options: Any) -> Any:
        """See :func:`eva_mm.safe_io.pickles.load_plain`."""
        from eva_mm.safe_io.pickles import load_plain

        return load_plain(file, **options)

    @staticmethod
    def loads(content: bytes, **options: Any) -> Any:
        """See :func:`eva_mm.safe_io.pickles.loads_plain`."""
        from eva_mm.safe_io.pickles import loads_plain

        return loads_plain(content, **options)


class _NumericNumPy(ModuleType):
    """NumPy as a host knows it: everything passes through, and ``load`` unpickles nothing."""

    def __init__(self, numpy: ModuleType) -> None:
        super().__init__('numpy')
        self._numpy = numpy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)

    def load(self, file: Any, *args: Any, **options: Any) -> Any:
        """``numpy.load`` of numbers."""
        return self._numpy.load(file, *args, **{**options, 'allow_pickle': False})


def read_plain_pickles(module: ModuleType) -> None:
    """Let a module of a host unpickle plain values and numeric arrays alone.

    Defect: CIFAR of mmpretrain 1.2 and ``datafrombytes`` of mmseg 1.2 unpickle files of data without restriction.
    Gone when the module no longer calls ``pickle.loads``.
    """
    module.pickle = _PlainPickle()


def read_numeric_arrays(module: ModuleType) -> None:
    """Let a module of a host read arrays of numbers alone.

    Defect: OpenImages of mmdet 3.3 loads the table of its classes with ``allow_pickle=True``.
    Gone when ``mmdet/datasets/openimages.py`` no longer contains ``allow_pickle``.
    """
    module.np = _NumericNumPy(module.np)
