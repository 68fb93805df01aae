"""The weights in a checkpoint, whatever they are wrapped in."""

import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from torch import Tensor

from eva_mm.safe_io.printed import printable

# under which checkpoints keep their weights, in the order they are asked: those in training, and their average
WRAPPERS = ('state_dict', 'model', 'module', 'model_state_dict', 'params', 'net')
AVERAGES = ('model_ema', 'state_dict_ema', 'params_ema', 'ema_state_dict', 'ema_model', 'ema')
# mmengine's hook saves the average as `state_dict`, and the weights in training as:
_RAW_BESIDE_AVERAGE = 'ema_state_dict'
CHOICES = ('auto', 'raw', 'averaged')

# what torch.compile, FSDP and activation checkpointing put into names
_INSERTED = re.compile(r'(?<![^.])(_orig_mod|_fsdp_wrapped_module|_checkpoint_wrapped_module)\.')
# of torch.optim.swa_utils.AveragedModel
_COUNTER = re.compile(r'(.*\.)?n_averaged')


class Unwrapped(NamedTuple):
    """Weights by their names, and in words which ones they are; empty where there was no choice."""

    weights: dict[str, Tensor]
    taken: str


def choose_weights(checkpoint: Mapping[str, Any], which: str = 'auto') -> Unwrapped:
    """The weights of a checkpoint: what lies under :data:`WRAPPERS`, or :data:`AVERAGES`.

    Names lose what ``torch.compile``, FSDP, data parallelism and averaging put before or into them.

    Args:
        checkpoint: The content of a file.
        which: ``'raw'`` weights in training, their ``'averaged'`` ones, or ``'auto'``: the average in files of
            mmengine, raw ones where others hold both, and what there is where they hold one.

    Raises:
        ValueError: It holds no such tensors.
    """
    if which not in CHOICES:
        raise ValueError(f'weights={which!r} is unknown: choose from {", ".join(CHOICES)}.')
    chosen, taken = _choose(checkpoint, which)
    # each at most once more: a file may hold a dict that contains itself
    for _ in WRAPPERS:
        inner = next((key for key in WRAPPERS if isinstance(chosen.get(key), Mapping)), None)
        chosen = chosen[inner] if inner else chosen
    weights = {name: each for name, each in chosen.items() if isinstance(name, str) and isinstance(each, Tensor)}
    if not weights:
        raise ValueError(
            f'The checkpoint holds no weights: its keys are {_listed(checkpoint)}; '
            f'expected tensors, on top or under {", ".join(WRAPPERS)}, {", ".join(AVERAGES)}.'
        )
    weights = {_INSERTED.sub('', name): each for name, each in weights.items() if not _COUNTER.fullmatch(name)}
    if all(name.startswith('module.') for name in weights):
        weights = {name.removeprefix('module.'): each for name, each in weights.items()}
    return Unwrapped(weights, taken)


def unwrap(checkpoint: Mapping[str, Any], which: str = 'auto') -> dict[str, Tensor]:
    """The weights of :func:`choose_weights`."""
    return choose_weights(checkpoint, which).weights


def _choose(checkpoint: Mapping[str, Any], which: str) -> tuple[Mapping[str, Any], str]:
    """The part of a file that holds the wanted weights."""
    raw = next((key for key in WRAPPERS if isinstance(checkpoint.get(key), Mapping)), None)
    average = next((key for key in AVERAGES if isinstance(checkpoint.get(key), Mapping)), None)
    if raw == 'state_dict' and average == _RAW_BESIDE_AVERAGE:
        if which != 'raw':
            return checkpoint[raw], f'averaged weights ({raw}); the file has those in training too ({average})'
        training = {str(name).removeprefix('module.'): each for name, each in checkpoint[average].items()}
        # the hook counts its steps among them
        weights = {name: training.get(name, each) for name, each in checkpoint[raw].items()}
        return weights, f'weights in training ({average})'
    if which == 'averaged' and average is None:
        raise ValueError(f'The checkpoint holds no averaged weights: its keys are {_listed(checkpoint)}.')
    if average and (which == 'averaged' or raw is None):
        if which == 'raw':
            raise ValueError(f'The checkpoint holds averaged weights alone ({average}).')
        return checkpoint[average], f'averaged weights ({average})'
    if average and raw:
        return checkpoint[raw], f'weights in training ({raw}); the file has averaged ones too ({average})'
    return checkpoint, ''


def _listed(checkpoint: Any) -> str:
    return ', '.join(printable(str(key), 40) for key in list(checkpoint)[:5]) or 'none'
