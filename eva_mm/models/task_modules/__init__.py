"""How boxes get their targets. Imports mmdet."""

from eva_mm.models.task_modules.own_best_assigner import OwnBestAssigner

__all__ = ['OwnBestAssigner']
