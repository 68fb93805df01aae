"""Loading whole models: of our runs, of hosts, or any released EVA file, never silently in part."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mmengine.logging import print_log
from mmengine.model import is_model_wrapper
from mmengine.runner import Runner
from torch import nn

from eva_mm.apis.errors import UserError
from eva_mm.checkpoint import Checkpoint, Report, load_model
from eva_mm.checkpoint.file import Source
from eva_mm.checkpoint.file_grid import recorded_grid
from eva_mm.checkpoint.key_tables import key_table
from eva_mm.safe_io.printed import printable
from eva_mm.safe_io.weights import value_problem


def _load_as_it_is(model: nn.Module, checkpoint: Checkpoint) -> str:
    weights = checkpoint.weights
    if problem := value_problem(weights, model.state_dict()):
        raise UserError(f'{checkpoint} cannot be loaded into {type(model).__name__}: {problem}.')
    result = model.load_state_dict(weights, strict=False)
    if result.missing_keys or result.unexpected_keys:
        raise UserError(
            f'{checkpoint} does not fit {type(model).__name__}: it lacks {len(result.missing_keys)} weights '
            f'({_first(result.missing_keys)}) and has {len(result.unexpected_keys)} others '
            f'({_first(result.unexpected_keys)}); give a checkpoint of this config.'
        )
    taken = f': {checkpoint.taken}' if checkpoint.taken else ''
    return f'loaded {len(weights)} weights from {checkpoint}{taken}'


def _first(names: list[str]) -> str:
    return ', '.join(printable(name, 80) for name in names[:3])


def _of_its_grid(model: nn.Module, task: str, checkpoint: Mapping[str, Any]) -> bool:
    """Whether positions with as many rows as the model's are of the model's grid: recorded, or a square as usual."""
    grid = getattr(getattr(model, key_table(task).trunk.removesuffix('.'), None), 'grid', None)
    recorded = recorded_grid(checkpoint)
    return grid in (None, recorded) or (recorded is None and len(grid) == 2 and grid[0] == grid[1])


def load_weights(model: nn.Module, checkpoint: Source) -> Report | None:
    """Load a checkpoint into a model built from a config.

    Models with an EVA backbone take every file that :func:`eva_mm.checkpoint.convert_state_dict` knows, others a
    checkpoint of their own. What was done is logged.

    Returns:
        What happened to each weight, if the file had to be converted; ``None`` if it is of this very model.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is no checkpoint, an unsafe one, or one of another model.
    """
    model = model.module if is_model_wrapper(model) else model
    opened = Checkpoint.open(checkpoint)
    weights, own = opened.weights, model.state_dict()
    task = getattr(getattr(model, 'backbone', model), 'checkpoint_task', None)
    # a plain EVA backbone may stand in the model of another task: its own checkpoints need no conversion
    fits = weights.keys() == own.keys() and all(weights[name].shape == own[name].shape for name in own)
    convert = task and not (fits and _of_its_grid(model, task, opened.content))
    report = load_model(model, opened, task) if convert else None
    print_log(str(report or _load_as_it_is(model, opened)), logger='current')
    return report


def refuse_random_parts(model: nn.Module, checkpoint: Source, report: Report | None) -> None:
    """Training may start without a head for these classes; the predictions of such a model mean nothing.

    Args:
        model: What was loaded into.
        checkpoint: Its file.
        report: What :func:`load_weights` returned.

    Raises:
        UserError: A parameter is still random.
    """
    parameters = {name for name, _ in model.named_parameters()}
    random = [name for name in (report.fresh if report else ()) if name in parameters]
    if random:
        raise UserError(
            f'{checkpoint} has no weights for {len(random)} parameters of this {type(model).__name__}, for instance '
            f'{random[-1]} ({report.fresh[random[-1]]}): give a checkpoint that was trained with this config; '
            'for one of your own classes add the data root, or give the checkpoint alone if it carries its config.'
        )


def open_weights(source: Source, which: str = 'auto') -> Checkpoint:
    """A file, or a DeepSpeed checkpoint directory, whose weights are gathered.

    Args:
        source: As for :meth:`eva_mm.checkpoint.Checkpoint.open`, or the directory.
        which: ``'auto'``, ``'raw'`` or ``'averaged'``.

    Raises:
        FileNotFoundError, ValueError: As :meth:`eva_mm.checkpoint.Checkpoint.open`.
    """
    if isinstance(source, Checkpoint) or not list(Path(source).glob('*_model_states.pt')):
        return Checkpoint.open(source, which)
    from eva_mm.engine.deepspeed.checkpoint import read_weights

    return Checkpoint(Path(source), read_weights(Path(source)), which)


def start_from(runner: Runner, checkpoint: Checkpoint) -> None:
    """Load weights once a runner has initialised its model, and before a strategy wraps it.

    mmengine's own ``load_from`` skips what does not fit without an error. A strategy shards or rounds the weights that
    it is given, so they are loaded before.

    Args:
        runner: ``Runner`` or ``FlexibleRunner``, before ``train()``.
        checkpoint: What to load.
    """
    if not hasattr(runner, 'strategy'):
        # `train()` calls it once, even if the training goes back to a checkpoint
        runner.load_or_resume = lambda: load_weights(runner.model, checkpoint)
        return
    initialise = runner.strategy._init_model_weights

    def initialise_and_load(model: nn.Module) -> nn.Module:
        model = initialise(model)
        load_weights(model, checkpoint)
        return model

    runner.strategy._init_model_weights = initialise_and_load
