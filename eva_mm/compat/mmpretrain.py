"""mmpretrain: its multimodal models, which no recent transformers can serve."""

from types import ModuleType

__all__ = ['leave_out_multimodal']

LAST_WORKING = (4, 51)


def leave_out_multimodal(dependency: ModuleType, last_working: tuple[int, int] = LAST_WORKING) -> None:
    """Keep ``mmpretrain.models`` importable beside a recent transformers.

    Defect: mmpretrain 1.2.0 imports its multimodal models as soon as pycocotools and transformers >= 4.28 are
    installed. It works with transformers 4.51.3 and fails with 4.53.3 (``ImportError`` of ``GenerationMixin``), 4.57.6
    and 5. The models of mmpretrain that need transformers then answer as if it were not installed.
    Gone when ``import mmpretrain.models`` works without this call beside the newest transformers.

    Args:
        dependency: Module whose ``WITH_MULTIMODAL`` decides what is imported.
        last_working: Last version (major, minor) of transformers that serves the models.
    """
    from importlib.metadata import PackageNotFoundError, version

    try:
        installed = version('transformers')
    except PackageNotFoundError:
        return
    major, minor = (int(part) for part in installed.split('.')[:2])
    if (major, minor) > last_working:
        dependency.WITH_MULTIMODAL = False
