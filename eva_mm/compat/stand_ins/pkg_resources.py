"""The part of ``pkg_resources`` that mmengine uses.

Defect: mmengine 0.10.7 (``mmengine/utils/package_utils.py``) imports ``pkg_resources``, which setuptools 82 removed and
which a fresh environment lacks. Without it ``is_installed``, ``get_installed_path`` and ``_base_ = 'mmdet::...'`` fail.
Gone when ``mmengine.utils.package_utils`` no longer mentions ``pkg_resources``.
"""

import pkgutil
import sys
from importlib import metadata

__all__ = ['Distribution', 'DistributionNotFound', 'declare_namespace', 'get_distribution']


class DistributionNotFound(Exception):
    """No distribution of the requested name is installed."""


class Distribution:
    """An installed distribution, in ``pkg_resources``' words."""

    def __init__(self, name: str) -> None:
        try:
            self._found = metadata.distribution(name)
        except (metadata.PackageNotFoundError, ValueError):
            raise DistributionNotFound(
                f'The distribution {name!r} is not installed; check its name or install it with pip.'
            ) from None

    @property
    def project_name(self) -> str:
        return self._found.metadata['Name']

    @property
    def version(self) -> str:
        return self._found.version

    @property
    def location(self) -> str:
        """The folder that the distribution is importable from."""
        return str(self._found.locate_file(''))

    def has_metadata(self, name: str) -> bool:
        return self._found.read_text(name) is not None

    def get_metadata(self, name: str) -> str:
        text = self._found.read_text(name)
        if text is None:
            raise FileNotFoundError(f'{self.project_name} {self.version} has no metadata file {name!r}.')
        return text


def get_distribution(dist: str) -> Distribution:
    """The installed distribution of that name.

    Raises:
        DistributionNotFound: if there is none.
    """
    return Distribution(dist)


def declare_namespace(packageName: str) -> None:
    """What old namespace packages call at import, guarded against a missing ``pkg_resources`` only."""
    module = sys.modules[packageName]
    module.__path__ = pkgutil.extend_path(module.__path__, packageName)
