"""Which checkpoint a run goes on from, and one line for every one that it cannot."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner

from eva_mm.apis.errors import UserError
from eva_mm.engine.long_run.corruption import find_corruption, read_safely
from eva_mm.engine.long_run.roll_back import decided_by_first, resume_from

_ADVICE = 'give a checkpoint that a run of this config has saved, or start from its weights with --load-from'


def choose_checkpoint(runner: Runner) -> None:
    """Resume from the newest checkpoint that is sound, or from the given one if a run can go on from it.

    Args:
        runner: Its ``_load_from`` and ``_resume`` are set.

    Raises:
        UserError: The given one cannot be used, or all that there are are damaged.
    """
    try:
        if runner._load_from is None:
            runner._load_from = resume_from(runner.work_dir)
            runner._resume = runner._load_from is not None
        else:
            decided_by_first(lambda: _check_given(Path(runner._load_from), is_strategy=hasattr(runner, 'strategy')))
    except ValueError as error:
        raise UserError(str(error)) from error
    if runner._resume:
        runner.load_or_resume = _in_one_sentence(runner, runner.load_or_resume)


def _check_given(path: Path, is_strategy: bool) -> None:
    if (why := find_corruption(path)) is not None:
        raise UserError(f'--resume names {str(path)!r}, which is damaged ({why}): give another checkpoint.')
    if path.is_dir() != is_strategy:
        kind, expected = ('directory', 'file') if path.is_dir() else ('file', 'DeepSpeed directory')
        raise UserError(f'--resume names {str(path)!r}, a {kind}, but a run of this config resumes from a {expected}.')
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
            if Path(path).is_file():
                _check_weights(runner, path)
            load_or_resume()
            getattr(runner.train_loop, 'check_resumed', lambda: None)()
        except UserError:
            raise
        # whatever a file of another run makes mmengine, the optimizer or a hook raise
        except Exception as error:
            reason = str(error).strip().split('\n')[0][:300].rstrip('.:') or type(error).__name__
            raise UserError(f'{path} cannot be resumed ({type(error).__name__}: {reason}): {_ADVICE}.') from error

    return resume


def _check_weights(runner: Runner, path: str) -> None:
    model = runner.model.module if is_model_wrapper(runner.model) else runner.model
    saved, own = read_safely(Path(path))['state_dict'], model.state_dict()
    if not isinstance(saved, dict):
        raise UserError(f'{path} holds a {type(saved).__name__} for weights: {_ADVICE}.')
    absent = sorted(own.keys() - saved.keys())
    unequal = sorted(name for name in own.keys() & saved.keys() if _shape(saved[name]) != _shape(own[name]))
    if absent or unequal:  # what it has beyond the model is for a hook, or named by mmengine
        raise UserError(
            f'{path} is of another model: it lacks {len(absent)} of {len(own)} weights and has {len(unequal)} of '
            f'another shape, for instance {(absent or unequal)[0]}: {_ADVICE}.'
        )


def _shape(value: Any) -> Any:
    return tuple(value.shape) if isinstance(value, torch.Tensor) else type(value)
