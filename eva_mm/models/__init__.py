"""Backbones and necks for every host, and what single hosts need beyond them.

Only the host-free parts are imported here; :mod:`eva_mm.registry` imports a host-bound part when its type is asked for.
"""

from eva_mm.models import backbones, necks

__all__ = ['backbones', 'necks']
