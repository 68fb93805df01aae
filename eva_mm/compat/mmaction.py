"""mmaction2: its multimodal models, which no recent transformers can serve."""

from types import ModuleType

from . import mmpretrain

__all__ = ['leave_out_multimodal']

LAST_WORKING = (4, 55)


def leave_out_multimodal(dependency: ModuleType) -> None:
    """Keep ``mmaction.models`` importable beside a recent transformers.

    Defect: mmaction2 1.2.0 imports its multimodal models as soon as transformers >= 4.28 is installed. It works with
    transformers 4.49.0 to 4.55.4 and fails with 4.56.2 (``ImportError`` of ``apply_chunking_to_forward``), 4.57.6 and
    5. The three models that need transformers then answer as if it were not installed.
    Gone when ``import mmaction.models`` works without this call beside the newest transformers.
    """
    mmpretrain.leave_out_multimodal(dependency, LAST_WORKING)
