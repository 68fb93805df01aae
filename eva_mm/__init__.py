"""EVA (arXiv 2211.07636) as one OpenMMLab plugin.

``import eva_mm`` imports no host library. It installs the hooks of :mod:`eva_mm.compat`, which repair known defects of
the hosts the moment the defective module is asked for.
"""

from eva_mm import compat
from eva_mm.version import __version__

__all__ = ['__version__', 'compat']

compat.install()
