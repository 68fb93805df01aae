"""Built models with weights, by name, config or checkpoint."""

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from typing import Any

import torch
from mmengine.config import Config
from mmengine.logging import MMLogger
from mmengine.model import revert_sync_batchnorm
from mmengine.registry import MODELS, DefaultScope
from torch import nn
from torch.nn.modules.module import register_module_parameter_registration_hook

from eva_mm.apis.carried_config import forget_sources, read_carried_config
from eva_mm.apis.config import load_config
from eva_mm.apis.errors import UserError
from eva_mm.apis.model_index import find_model, find_weights
from eva_mm.apis.weights import load_weights, refuse_random_parts
from eva_mm.checkpoint import Checkpoint
from eva_mm.checkpoint.file import Source
from eva_mm.checkpoint.uninitialised import uninitialised
from eva_mm.safe_io.printed import reason_of
from eva_mm.safe_io.weights import weights_only

CHECKPOINT_SUFFIXES = ('.pt', '.pth', '.safetensors')
# a model may have parts that its file lacks, such as a head; not ten times as much
MORE_WEIGHTS = 10

# a file; None or True: the released one; False: random weights
Weights = str | os.PathLike | bool | None


def _config_of(checkpoint: Checkpoint) -> Config:
    """The config that a checkpoint carries."""
    if not checkpoint.config:
        raise UserError(f'{checkpoint} carries no config: give the config of its model in front of it.')
    return read_carried_config(checkpoint.config, checkpoint)


def read_model_config(
    model: str | os.PathLike,
    checkpoint: Weights = None,
    weights_dir: str | os.PathLike | None = None,
    cfg_options: dict[str, Any] | None = None,
    data_root: str | None = None,
    weights: str = 'auto',
) -> tuple[Config, Checkpoint | None]:
    """The config of a model, and the open file that has its weights.

    Args:
        model: A name, a config, or a checkpoint that carries its config.
        checkpoint: A file; ``None`` or ``True`` is the released file; ``False`` means random weights.
        weights_dir: Folder of released files, see :func:`eva_mm.apis.model_index.find_weights`.
        cfg_options: Changes of the config.
        data_root: A folder of one's own data, which tells the classes.
        weights: ``'raw'`` or ``'averaged'`` of a file that holds both.

    Raises:
        UserError: Unknown model, or one without released weights.
        FileNotFoundError: There is no such checkpoint.
        ValueError: The checkpoint is damaged.
    """
    if Path(model).suffix in CHECKPOINT_SUFFIXES:
        if data_root:
            raise UserError(f'{model} knows its classes itself: leave the data root out, or give a config as well.')
        opened = Checkpoint.open(model, weights)
        cfg = _config_of(opened)
        cfg.merge_from_dict(cfg_options or {})
        if checkpoint not in (None, True):
            opened = checkpoint and Checkpoint.open(checkpoint, weights)
    else:
        info = find_model(model)
        # before the config: a missing file is found without importing a host
        checkpoint = find_weights(info, weights_dir) if checkpoint in (None, True) else checkpoint
        opened = checkpoint and Checkpoint.open(checkpoint, weights)
        cfg = load_config(str(info.config), cfg_options=cfg_options, data_root=data_root)
        forget_sources(cfg.model)
    return cfg, opened or None


@contextmanager
def carried(model: str | os.PathLike) -> Iterator[None]:
    """Around building from what may be a checkpoint: whatever its config makes a host raise is one line.

    Raises:
        ValueError: Instead of other errors, if ``model`` is a checkpoint.
    """
    try:
        yield
    except (ValueError, OSError, ImportError):
        raise
    except Exception as error:
        if Path(model).suffix not in CHECKPOINT_SUFFIXES:
            raise
        reason = f'{type(error).__name__}: {reason_of(error)}'
        raise ValueError(f'{model}: its config cannot be built ({reason}); pass a config in front of it.') from error


@contextmanager
def _no_larger_than(checkpoint: Checkpoint) -> Iterator[None]:
    """Stop building a model that has many times the weights of its file: a config may ask for a billion layers.

    Raises:
        ValueError: It has.
    """
    tensors = [each for each in checkpoint.content_tensors() if not each.is_meta]
    most = MORE_WEIGHTS * len(tensors) + 10_000
    most_values = MORE_WEIGHTS * sum(each.numel() for each in tensors) + 10**8
    count = values = 0

    def look(module: nn.Module, name: str, parameter: nn.Parameter | None) -> None:
        nonlocal count, values
        count, values = count + 1, values + (0 if parameter is None else parameter.numel())
        if count > most or values > most_values:
            raise ValueError(f'{checkpoint}: its config builds a model that is many times as large as its weights.')

    handle = register_module_parameter_registration_hook(look)
    try:
        yield
    finally:
        handle.remove()


def _check_device(device: str) -> torch.device:
    try:
        return torch.zeros(0, device=device).device
    except (RuntimeError, AssertionError) as error:
        raise UserError(
            f'The device {device!r} cannot be used ({reason_of(error, 80)}): give cpu, or cuda on a machine with a GPU.'
        ) from error


def _draw_weights(model: nn.Module) -> None:
    logger = MMLogger.get_current_instance()
    level = logger.level
    # mmengine writes lines for every single weight
    logger.setLevel(logging.WARNING)
    try:
        # the parts one by one: a whole EVAMIM would load its teacher as well
        for part in model.children():
            getattr(part, 'init_weights', lambda: None)()
    finally:
        logger.setLevel(level)


def _listed_names(meta: dict[str, Any]) -> dict[str, Any]:
    """What a checkpoint says of its data; a text in the place of the classes would be a file to read."""
    return {key: value for key, value in meta.items() if not (key == 'classes' and isinstance(value, str))}


def build_model(cfg: Config, checkpoint: Source | None, device: str = 'cpu', partial: bool = False) -> nn.Module:
    """A model for inference: in evaluation mode, on its device, with ``_config`` and ``_dataset_meta``.

    Args:
        cfg: A whole config.
        checkpoint: Any file that :func:`eva_mm.apis.weights.load_weights` takes; ``None`` draws weights at random.
        device: Where to put it.
        partial: Whether the checkpoint may lack parts of the model, such as its head.

    Raises:
        UserError: The device cannot be used, or the checkpoint lacks parts of the model.
        FileNotFoundError, ValueError: As :func:`eva_mm.apis.weights.load_weights`.
    """
    place = _check_device(device)
    # drawing a billion random numbers takes longer than reading the weights that replace them all
    complete = checkpoint is not None and not partial
    opened = None if checkpoint is None else Checkpoint.open(checkpoint)
    with weights_only(), DefaultScope.overwrite_default_scope(cfg.get('default_scope')):
        # a config of no file was carried by a checkpoint
        bound = nullcontext() if opened is None or cfg.filename else _no_larger_than(opened)
        with uninitialised() if complete else nullcontext(), bound:
            model = MODELS.build(cfg.model)
        if checkpoint is None:
            _draw_weights(model)
    model._config, model._dataset_meta = cfg, {}
    if opened is not None:
        report = load_weights(model, opened)
        if not partial:
            refuse_random_parts(model, opened, report)
        model._dataset_meta = _listed_names(opened.dataset_meta)
    return revert_sync_batchnorm(model).to(place).eval()


def get_model(
    name: str | os.PathLike,
    pretrained: Weights = False,
    device: str = 'cpu',
    weights_dir: str | os.PathLike | None = None,
    cfg_options: dict[str, Any] | None = None,
) -> nn.Module:
    """A model by its name, in evaluation mode.

    Args:
        name: A name of :func:`eva_mm.apis.list_models`, a config file, or a checkpoint that carries its config.
        pretrained: ``False``: random weights. ``True``: the file that was released for it, looked up in
            ``weights_dir``, where ``eva-mm download`` puts it. A file or a hf:// address: any checkpoint of the model,
            released ones included.
        device: Where to put it.
        weights_dir: ``EVA_MM_WEIGHTS`` in the environment or ``./checkpoints`` if ``None``.
        cfg_options: Changes of the config, as ``{'model.backbone.drop_path_rate': 0.0}``.

    Raises:
        UserError: Unknown name, no released weights, or the device cannot be used.
        FileNotFoundError: The file is not there; for a released one the sentence says where to get it.
        ValueError: The checkpoint is damaged or of another model.
    """
    is_checkpoint = Path(name).suffix in CHECKPOINT_SUFFIXES
    with carried(name):
        cfg, checkpoint = read_model_config(
            name, None if is_checkpoint and pretrained is False else pretrained, weights_dir, cfg_options
        )
        return build_model(cfg, checkpoint, device)
