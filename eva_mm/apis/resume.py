"""Which checkpoint a run resumes from, one line on what it took, and one line for every file that it cannot take."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import EMAHook
from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from eva_mm.apis.errors import UserError
from eva_mm.engine.long_run.checkpoint_store import checkpoints_in
from eva_mm.engine.long_run.corruption import find_corruption, read_safely
from eva_mm.engine.long_run.resumable_loops import GLOBAL_BATCH, global_batch, other_batch
from eva_mm.engine.long_run.roll_back import decided_by_first, resume_from
from eva_mm.engine.optim.ema_hook import FP32EMAHook
from eva_mm.engine.optim.resumed_schedule import ConfiguredSchedule
from eva_mm.safe_io.printed import printable

_ADVICE = 'give a checkpoint that a run of this config has saved, or start from its weights with --load-from'


def choose_checkpoint(runner: Runner) -> None:
    """Resume from the newest checkpoint that is sound, or from the given one if a run can resume from it.

    Args:
        runner: Its ``_load_from`` and ``_resume`` are set; ``_load_from`` may be a directory of checkpoints. Where
            there is no checkpoint, ``_resume`` is false afterwards, and a line says so.

    Raises:
        UserError: The given one cannot be used, or all that there are are damaged.
    """
    try:
        if runner._load_from is None:
            runner._load_from = resume_from(runner.work_dir)
            runner._resume = runner._load_from is not None
        else:
            if _holds_checkpoints(Path(runner._load_from)):
                runner._load_from = resume_from(runner._load_from)
            decided_by_first(lambda: _check_given(Path(runner._load_from), is_strategy=hasattr(runner, 'strategy')))
    except ValueError as error:
        raise UserError(str(error)) from error
    if runner._resume:
        runner.load_or_resume = _in_one_sentence(runner, runner.load_or_resume)
    else:
        print_log(f'--resume: no checkpoint in {runner.work_dir}; a new run starts.', 'current', logging.WARNING)


def _holds_checkpoints(path: Path) -> bool:
    return path.is_dir() and not list(path.glob('*_model_states.pt')) and bool(checkpoints_in(path))


def _check_given(path: Path, is_strategy: bool) -> None:
    if path.is_dir() != is_strategy:
        kind, expected = ('directory without checkpoints', 'file') if path.is_dir() else ('file', 'DeepSpeed directory')
        raise UserError(f'--resume names {str(path)!r}, a {kind}, but a run of this config resumes from a {expected}.')
    if (why := find_corruption(path)) is not None:
        raise UserError(f'--resume names {str(path)!r}, which is damaged ({why}): give another checkpoint.')
    if is_strategy:
        if not list(path.glob('*_model_states.pt')):
            raise UserError(f'--resume names {str(path)!r}, which is not a checkpoint of DeepSpeed: {_ADVICE}.')
        return
    content = read_safely(path)
    lacking = [name for name in ('meta', 'state_dict', 'optimizer', 'message_hub') if name not in content]
    meta = content.get('meta')
    if not lacking and not (isinstance(meta, dict) and all(isinstance(meta.get(n), int) for n in ('iter', 'epoch'))):
        lacking = ['meta.iter']
    if lacking:
        what = f'which holds weights and not a run (no {lacking[0]})'
        raise UserError(f'--resume names {str(path)!r}, {what}: {_ADVICE}.')


def _in_one_sentence(runner: Runner, load_or_resume: Callable[[], Any]) -> Callable[[], None]:
    """mmengine's own resumption, which skips weights that do not fit and fails later, if at all."""

    def resume() -> None:
        path = runner._load_from
        try:
            saved = _read(Path(path))
            _check_classes(runner, path, saved)
            _check_weights(runner, path, saved)
            configured = ConfiguredSchedule(runner)
            load_or_resume()
            schedule = configured.settle()
            getattr(runner.train_loop, 'check_resumed', lambda: None)()
            batch = _check_batch(runner)
        except UserError:
            raise
        # whatever a file of another run makes mmengine, the optimizer or a hook raise
        except Exception as error:
            reason = str(error).strip().split('\n')[0][:300].rstrip('.:') or type(error).__name__
            raise UserError(f'{path} cannot be resumed ({type(error).__name__}: {reason}): {_ADVICE}.') from error
        where = f'epoch {runner.epoch}, iteration {runner.iter}'
        runner.logger.info(f'Resumed {path}: {_weights_taken(runner, path, saved)}, {where}, {schedule}, {batch}.')

    return resume


def _read(path: Path) -> dict[str, Any]:
    """What a checkpoint says of weights and classes; of a DeepSpeed directory, what its first process wrote."""
    if path.is_file():
        return read_safely(path)
    content = read_safely(min(path.glob('*_model_states.pt')))
    return {**content, 'state_dict': content.get('module') or {}}


def _weights_taken(runner: Runner, path: str, saved: dict[str, Any]) -> str:
    if 'ema_state_dict' not in saved and not (Path(path) / 'ema.pth').is_file():
        return 'weights'
    if any(isinstance(hook, (EMAHook, FP32EMAHook)) for hook in runner.hooks):
        return 'weights in training, and their average'
    return 'averaged weights, since this run keeps no average' if Path(path).is_file() else 'weights in training'


def _check_batch(runner: Runner) -> str:
    """See that the global batch is as before, in loops that do not look themselves."""
    saved, now = runner.message_hub.runtime_info.get(GLOBAL_BATCH), global_batch(runner.train_dataloader)
    if saved not in (None, now):
        raise UserError(other_batch(saved, now))
    return f'{now} samples an iteration' + ('' if saved else ' (the checkpoint does not tell its own number)')


def _check_classes(runner: Runner, path: str, saved: dict[str, Any]) -> None:
    """Names of classes must be those of the run: heads of as many classes would load without a word."""
    theirs = ((saved.get('meta') or {}).get('dataset_meta') or {}).get('classes')
    own = (getattr(runner.train_dataloader.dataset, 'metainfo', None) or {}).get('classes')
    if not (isinstance(theirs, list | tuple) and isinstance(own, list | tuple)) or list(theirs) == list(own):
        return
    names = [printable(', '.join(map(str, each[:5])), 100) for each in (theirs, own)]
    raise UserError(
        f'{path} was trained on {len(theirs)} classes ({names[0]}), this run has {len(own)} ({names[1]}): {_ADVICE}.'
    )


def _check_weights(runner: Runner, path: str, content: dict[str, Any]) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    saved, own = content['state_dict'], getattr(model, 'module', model).state_dict()
    if not isinstance(saved, dict):
        raise UserError(f'{path} holds a {type(saved).__name__} for weights: {_ADVICE}.')
    # DeepSpeed leaves frozen weights out, and under ZeRO-3 all of them are elsewhere
    absent = sorted(own.keys() - saved.keys()) if Path(path).is_file() else []
    unequal = sorted(name for name in own.keys() & saved.keys() if _shape(saved[name]) not in (_shape(own[name]), (0,)))
    if absent or unequal:  # what it has beyond the model is for a hook, or named by mmengine
        raise UserError(
            f'{path} is of another model: it lacks {len(absent)} of {len(own)} weights and has {len(unequal)} of '
            f'another shape, for instance {(absent or unequal)[0]}: {_ADVICE}.'
        )


def _shape(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else type(value)
