"""The two ways a repair reaches a module: standing in for one that is missing, or acting on one just imported.

Both are finders of ``sys.meta_path`` and import nothing until the module they are about is asked for.
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from importlib.util import spec_from_file_location
from pathlib import Path
from types import ModuleType

__all__ = ['AfterImport', 'Repair', 'StandIns', 'in_turn']

Repair = Callable[[ModuleType], None]


def in_turn(*repairs: Repair) -> Repair:
    """One repair of several, for a module with more than one defect."""

    def repair_all(module: ModuleType) -> None:
        for repair in repairs:
            repair(module)

    return repair_all


class StandIns(MetaPathFinder):
    """Loads our file for a module that nobody else has.

    It belongs at the end of ``sys.meta_path``: every real module is found before this finder is asked.

    Args:
        files: full module name to the Python file that stands in; an ``__init__.py`` makes a package.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self._files = files

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        file = self._files.get(fullname)
        return None if file is None else spec_from_file_location(fullname, file)


class AfterImport(MetaPathFinder):
    """Calls a repair with a module, right after the module's own code has run.

    It belongs at the start of ``sys.meta_path``. It finds nothing by itself: for the names it knows it asks the
    other finders and leaves their loader as it is, but for the one call that executes the module.

    Args:
        repairs: full module name to the function that gets the imported module.
    """

    def __init__(self, repairs: Mapping[str, Repair]) -> None:
        self._repairs = repairs

    def find_spec(
        self,
        fullname: str,
        path: Sequence[str] | None = None,
        target: ModuleType | None = None,
    ) -> ModuleSpec | None:
        repair = self._repairs.get(fullname)
        if repair is None:
            return None
        spec = next(self._found_by_others(fullname, path, target), None)
        if spec is not None and spec.loader is not None:
            _run_after(spec.loader, repair)
        return spec

    def repair_imported(self) -> None:
        """Repair what was imported before this finder came."""
        for name, repair in self._repairs.items():
            if name in sys.modules:
                repair(sys.modules[name])

    def _found_by_others(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None
    ) -> Iterator[ModuleSpec]:
        for finder in sys.meta_path:
            find_spec = getattr(finder, 'find_spec', None)
            spec = None if finder is self or find_spec is None else find_spec(fullname, path, target)
            if spec is not None:
                yield spec


def _run_after(loader: Loader, repair: Repair) -> None:
    execute = loader.exec_module

    def exec_module(module: ModuleType) -> None:
        # The loader is its old self again afterwards: a wrapper class would hide get_source, get_data and more.
        del loader.exec_module
        execute(module)
        repair(module)

    loader.exec_module = exec_module
