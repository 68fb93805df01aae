"""Checkpoint directories that DeepSpeed writes: checked before use, and read as one state dict."""

from glob import has_magic
from pathlib import Path

import torch
from mmengine.dist import barrier, is_main_process
from torch import Tensor

from eva_mm.safe_io.weights import UnsafeCheckpointError, value_problem, weights_only
from eva_mm.safe_io.weights import read_weights as read_file

EMA_FILE = 'ema.pth'
EMA_PREFIX = 'module.'  # of the names in `ema_state_dict`, as mmengine's EMAHook has it


def check_directory(directory: str | Path) -> None:
    """Make sure that a directory is a DeepSpeed checkpoint which can be unpickled safely.

    DeepSpeed unpickles without restriction, so each file is first read by torch's restricted unpickler, its tensors
    mapped and not loaded, and compared with its checksums. The main process does it for all. Whoever lets DeepSpeed
    read afterwards does so within :func:`~eva_mm.safe_io.weights.weights_only`.

    Raises:
        FileNotFoundError: the directory does not exist or holds no DeepSpeed checkpoint.
        ValueError: its name is a pattern, a file is damaged, or it contains code.
    """
    directory = Path(directory)
    if has_magic(str(directory.absolute())):
        raise ValueError(
            f'{directory} has *, ? or [ in its name or that of a folder above it, which DeepSpeed takes for a pattern '
            'and would read other files; rename it.'
        )
    allow_states()
    if is_main_process():
        _check_files(directory)
    barrier()


def state_classes() -> list[type]:
    """The inert objects that DeepSpeed keeps in its files beside tensors."""
    from deepspeed.runtime.fp16.loss_scaler import DynamicLossScaler, LossScaler
    from deepspeed.runtime.zero.config import ZeroStageEnum
    from deepspeed.utils.tensor_fragment import fragment_address

    return [DynamicLossScaler, LossScaler, ZeroStageEnum, fragment_address]


def allow_states() -> None:
    """Let torch's restricted unpickler know :func:`state_classes`."""
    torch.serialization.add_safe_globals(state_classes())


def _check_files(directory: Path) -> None:
    if not list(directory.glob('*_model_states.pt')):
        raise FileNotFoundError(f'{directory} is no checkpoint of DeepSpeed, a directory with *_model_states.pt in it.')
    for file in (*sorted(directory.glob('*.pt')), directory / EMA_FILE):
        if file.name == EMA_FILE and not file.exists():
            continue
        try:
            content = read_file(file)
        except UnsafeCheckpointError as error:
            raise ValueError(
                f'{file} contains more than a checkpoint of DeepSpeed does and was not loaded, '
                'since loading it could run code.'
            ) from error
        except ValueError as error:
            raise ValueError(f'{file} is damaged or incomplete ({error}); use another checkpoint.') from error
        if problem := value_problem(content.get('module') or content.get('state_dict') or {}):
            raise ValueError(f'{file} cannot be used: {problem}; use another checkpoint.')


def read_weights(directory: str | Path) -> dict[str, dict[str, Tensor]]:
    """Gather the weights of a DeepSpeed checkpoint, in fp32 where the optimizer had them so.

    Returns:
        What a checkpoint of a plain runner holds: ``state_dict`` and, if the run kept an average of
        the weights, ``ema_state_dict``; then ``state_dict`` is the average and ``ema_state_dict``
        the weights in training, see :class:`~eva_mm.engine.optim.ema_hook.FP32EMAHook`.
    """
    from deepspeed.utils.zero_to_fp32 import get_fp32_state_dict_from_zero_checkpoint

    directory = Path(directory)
    check_directory(directory)
    weights = {}
    whole_model = directory / 'mp_rank_00_model_states.pt'
    if whole_model.exists():  # not under ZeRO-3
        weights.update(read_file(whole_model)['module'])
    if list(directory.glob('*_optim_states.pt')):  # not without ZeRO
        with weights_only():
            weights.update(get_fp32_state_dict_from_zero_checkpoint(str(directory.parent), tag=directory.name))
    average = read_ema(directory)
    if average is None:
        return {'state_dict': weights}
    origin = {EMA_PREFIX + name: weights[name] for name in average}
    return {'state_dict': {**weights, **average}, 'ema_state_dict': origin}


def save_ema(directory: str | Path, average: dict[str, Tensor], meta: dict) -> None:
    """Put the average of the weights beside DeepSpeed's files, as a checkpoint of its own.

    Args:
        directory: the checkpoint directory.
        average: the tensors, under the parameters' names with the prefix ``module.``.
        meta: what the runner says about the checkpoint.
    """
    state_dict = {name.removeprefix(EMA_PREFIX): value for name, value in average.items()}
    torch.save({'meta': meta, 'state_dict': state_dict}, Path(directory) / EMA_FILE)


def read_ema(directory: str | Path) -> dict[str, Tensor] | None:
    """Return the average of the weights under the parameters' names, None if there is none."""
    file = Path(directory) / EMA_FILE
    if not file.exists():
        return None
    return read_file(file)['state_dict']
