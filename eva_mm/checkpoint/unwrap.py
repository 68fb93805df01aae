"""The weights in a checkpoint, whatever they are wrapped in."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from eva_mm.safe_io.printed import printable

# under which released files keep averaged weights, of EVA-02's classifiers and detectors, beside those in training
AVERAGES = ('model_ema', 'ema_state')
# under which checkpoints keep their weights, in the order they are asked
WRAPPERS = (*AVERAGES, 'state_dict', 'model', 'module')


def is_averaged(checkpoint: Mapping[str, Any]) -> bool:
    """Whether :func:`unwrap` takes averaged weights."""
    return any(isinstance(checkpoint.get(key), Mapping) for key in AVERAGES)


def unwrap(checkpoint: Mapping[str, Any]) -> dict[str, Tensor]:
    """The weights of a checkpoint: what lies under :data:`WRAPPERS`, without ``module.`` before every name.

    Where a file has averaged weights as well as others, these are taken: the published figures are theirs.

    Raises:
        ValueError: It holds no tensors.
    """
    # each at most once: a file may hold a dict that contains itself
    for _ in WRAPPERS:
        wrapper = next((key for key in WRAPPERS if isinstance(checkpoint.get(key), Mapping)), None)
        checkpoint = checkpoint[wrapper] if wrapper else checkpoint
    weights = {name: each for name, each in checkpoint.items() if isinstance(name, str) and isinstance(each, Tensor)}
    if not weights:
        raise ValueError(
            f'The checkpoint holds no weights: its keys are {_listed(checkpoint)}; '
            f'expected tensors, on top or under {", ".join(WRAPPERS)}.'
        )
    if all(name.startswith('module.') for name in weights):
        weights = {name.removeprefix('module.'): value for name, value in weights.items()}
    return weights


def _listed(checkpoint: Mapping[Any, Any]) -> str:
    return ', '.join(printable(str(key), 40) for key in list(checkpoint)[:5]) or 'none'
