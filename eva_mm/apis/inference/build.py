"""From a task, a config or a name to an inferencer."""

import os
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.apis.inference.base import Inferencer
from eva_mm.apis.inference.classes import class_names
from eva_mm.apis.model import build_model, carried, read_model_config
from eva_mm.apis.model_index import DEFAULT_MODELS

# task -> (module below this package, class); imported when asked for
TASKS: Mapping[str, tuple[str, str]] = {
    'classification': ('classification', 'ClassificationInferencer'),
    'detection': ('detection', 'DetectionInferencer'),
    'segmentation': ('segmentation', 'SegmentationInferencer'),
    'video': ('classification', 'VideoInferencer'),
    'zero-shot': ('classification', 'ZeroShotInferencer'),
    'features': ('features', 'FeatureInferencer'),
    'mim': ('mim', 'MIMInferencer'),
}
_TASK_OF_SCOPE = {'mmdet': 'detection', 'mmseg': 'segmentation', 'mmaction': 'video'}
_TASK_OF_MODEL = {'eva_mm.EVAMIM': 'mim', 'eva_mm.EVACLIP': 'zero-shot'}


def task_of(cfg: Config) -> str:
    """The task that a config is for."""
    return _TASK_OF_MODEL.get(cfg.model.type) or _TASK_OF_SCOPE.get(cfg.default_scope, 'classification')


def build_inferencer(
    model: str | os.PathLike,
    checkpoint: str | os.PathLike | bool | None = None,
    device: str = 'cpu',
    half: bool = False,
    task: str | None = None,
    data_root: str | None = None,
    classes: list[str] | None = None,
    weights_dir: str | os.PathLike | None = None,
    cfg_options: dict[str, Any] | None = None,
    **options: Any,
) -> Inferencer:
    """An inferencer from one line.

    Args:
        model: A task (classification, detection, segmentation, video, zero-shot, features, mim) for the released
            model that stands for it, a name of :func:`eva_mm.apis.list_models`, a config file, or a checkpoint that
            carries its config, as those of ``tools/misc/publish_model.py`` and of a training run do.
        checkpoint: A file: one of a run, or a released one. ``None`` or ``True``: the file that was released for the
            model, from a local folder. ``False``: random weights.
        device: Where it runs, for instance ``'cuda'``.
        half: Autocast: float16 on a GPU, bfloat16 on a CPU.
        task: Another use of the model than its own: ``'features'`` of any image model.
        data_root: A folder of your data that the checkpoint was trained on, which tells the classes.
        classes: Names of the classes; those of the checkpoint, the config or its data set if ``None``.
        weights_dir: Folder of released files, see :func:`eva_mm.apis.model_index.find_weights`.
        cfg_options: Changes of the config, as ``{'a.b': value}``.
        options: Of the task, see :mod:`eva_mm.apis.inference`.

    Raises:
        UserError: Unknown model, task or option, or they do not go together.
        FileNotFoundError: There is no such checkpoint, or no released file in the folder.
        ValueError: The checkpoint is damaged or of another model.
    """
    use = task or (os.fspath(model) if model in TASKS else None)
    if use is not None and use not in TASKS:
        raise UserError(f'There is no task {use!r}: choose from {", ".join(TASKS)}.')
    with carried(model):
        cfg, checkpoint = read_model_config(
            DEFAULT_MODELS.get(os.fspath(model), model), checkpoint, weights_dir, cfg_options, data_root
        )
        own = task_of(cfg)
    use = use or own
    if use not in (own, 'features') or (use == 'features' and own == 'video'):
        raise UserError(f'{model} is a model for {own}, not for {use}: choose another model, or leave the task out.')
    module, name = TASKS[use]
    kind = getattr(import_module(f'eva_mm.apis.inference.{module}'), name)
    unknown = set(options) - set(kind.options)
    if unknown:
        raise UserError(f'{use} has no option {min(unknown)!r}: it has {", ".join(kind.options) or "none"}.')
    with carried(model):
        kind.prepare(cfg, weights_dir)
        # features need no head
        built = build_model(cfg, checkpoint, device, partial=use == 'features')
        found = class_names(cfg, built)
        if classes and found and len(classes) != len(found):
            raise UserError(
                f'The model has {len(found)} classes, and {len(classes)} names were given: name each of them.'
            )
        return kind(built, cfg, classes or found, half=half, **options)
