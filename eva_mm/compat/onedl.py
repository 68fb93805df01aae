"""The OneDL forks of OpenMMLab's packages (``onedl-mmengine``, ...), which are imported by the old names."""

from importlib.util import find_spec
from types import ModuleType
from typing import Any

from . import mmengine

__all__ = ['load_without_code', 'name_hosts']


def name_hosts(config_utils: ModuleType) -> None:
    """Let a config inherit with ``_base_ = 'mmseg::...'`` whatever the installed distribution is called.

    Defect: mmengine (0.10.7, onedl-mmengine 0.10.12) looks ``mmseg::...`` up as the distribution ``mmsegmentation``;
    in the fork it is ``onedl-mmsegmentation``, and the config is not found although ``mmseg`` is installed. A module
    whose distribution is not there is looked up by its own name.
    Gone when ``Config.fromfile`` of a file with ``_base_ = 'mmseg::...'`` works beside onedl-mmsegmentation alone.
    """
    packages: dict[str, str] = config_utils.MODULE2PACKAGE
    for module, package in packages.items():
        if package != module and not _is_distribution(package) and find_spec(module) is not None:
            packages[module] = module


def _is_distribution(name: str) -> bool:
    from importlib.metadata import PackageNotFoundError, distribution

    try:
        distribution(name)
    except PackageNotFoundError:
        return False
    return True


def load_without_code(checkpoint: ModuleType) -> None:
    """Refuse a checkpoint that would run code, where onedl-mmengine reads it again without restriction.

    Defect: ``_safe_torch_load`` of onedl-mmengine 0.10.12 allow-lists ``getattr`` itself, reads with
    ``weights_only=False`` what safe loading refuses, and on the way takes what
    :func:`~eva_mm.compat.mmengine.allow_checkpoints` has allowed off torch's list. OpenMMLab's mmengine has no such
    function and is left as it is.
    Gone when ``mmengine.runner.load_checkpoint`` refuses a pickle that calls ``os.system``.
    """
    if not hasattr(checkpoint, '_safe_torch_load'):
        return

    def _safe_torch_load(file: Any, map_location: Any = None, weights_only: bool | None = None) -> Any:
        """``torch.load`` of tensors and of what a runner saves; ``weights_only`` cannot be switched off."""
        import torch

        # whoever leaves torch.serialization.safe_globals takes the entries that are ours as well off the list
        mmengine.allow_checkpoints()
        return torch.load(file, map_location=map_location, weights_only=True)

    vars(checkpoint)['_safe_torch_load'] = _safe_torch_load
