"""From a task, a config or a name to an inferencer."""

import os
from typing import Any

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer
from eva_mm.apis.inference.classes import class_names
from eva_mm.apis.model import build_model, carried, read_model_config
from eva_mm.tasks import Task, find_task, task_of


def _named_task(model: str | os.PathLike) -> Task | None:
    """The task that a model is asked for by, if it is one."""
    try:
        return find_task(os.fspath(model))
    except UserError:
        return None


def build_inferencer(
    model: str | os.PathLike,
    checkpoint: str | os.PathLike | bool | None = None,
    device: str = 'cpu',
    half: bool = False,
    task: str | None = None,
    data_root: str | None = None,
    classes: list[str] | None = None,
    weights_dir: str | os.PathLike | None = None,
    weights: str = 'auto',
    cfg_options: dict[str, Any] | None = None,
    **options: Any,
) -> Inferencer:
    """An inferencer from one line.

    Args:
        model: A name or alias of :data:`eva_mm.tasks.TASKS` for the released model that stands for it, a name of
            :func:`eva_mm.apis.list_models`, a config file, or a checkpoint that carries its config, as those of
            ``tools/misc/publish_model.py`` and of a training run do.
        checkpoint: A file: one of a run, or a released one. ``None`` or ``True``: the file that was released for the
            model, from a local folder. ``False``: random weights.
        device: Where it runs, for instance ``'cuda'``.
        half: Autocast: float16 on a GPU, bfloat16 on a CPU.
        task: Another use of the model than its own: ``'features'`` of any image model.
        data_root: A folder of your data that the checkpoint was trained on, which tells the classes.
        classes: Names of the classes; those of the checkpoint, the config or its data set if ``None``.
        weights_dir: Folder of released files, see :func:`eva_mm.apis.model_index.find_weights`.
        weights: ``'raw'`` or ``'averaged'`` of a checkpoint that holds both.
        cfg_options: Changes of the config, as ``{'a.b': value}``.
        options: Of the task, see :mod:`eva_mm.apis.inference`.

    Raises:
        UserError: Unknown model, task or option, or they do not go together.
        FileNotFoundError: There is no such checkpoint, or no released file in the folder.
        ValueError: The checkpoint is damaged or of another model.
    """
    named = _named_task(model)
    use = find_task(task) if task else named
    with carried(model):
        cfg, checkpoint = read_model_config(
            named.default_model if named else model, checkpoint, weights_dir, cfg_options, data_root, weights
        )
        own = task_of(cfg)
    use = use or own
    if use is not own and (use.key_table or own.name == 'video'):
        raise UserError(f'{model} is a {own.name} model, not for {use.name}: choose another model or omit the task.')
    kind = use.part('inferencer')
    unknown = set(options) - set(kind.options)
    if unknown:
        raise UserError(f'{use.name} has no option {min(unknown)!r}: it has {", ".join(kind.options) or "none"}.')
    with carried(model):
        kind.prepare(cfg, weights_dir)
        # features need no head
        built = build_model(cfg, checkpoint, device, partial=not use.key_table)
        found = class_names(cfg, built)
        if classes and found and len(classes) != len(found):
            raise UserError(
                f'The model has {len(found)} classes, and {len(classes)} names were given: name each of them.'
            )
        return kind(built, cfg, classes or found, half=half, **options)
