"""Reading checkpoint files safely, and loading them into models."""

import os
import pickle
import zipfile
from collections import OrderedDict
from importlib import import_module
from pathlib import Path
from typing import Any
from urllib.parse import urlparse

import torch
from safetensors.torch import load_file
from torch import nn

from eva_mm.checkpoint.convert import Conversion, convert_state_dict
from eva_mm.checkpoint.family import describe_family
from eva_mm.checkpoint.key_tables import key_table
from eva_mm.checkpoint.report import Report, fold_names


def _local_file(source: str | os.PathLike) -> Path:
    """The file itself, or the downloaded copy of a URL in torch's cache."""
    url = urlparse(str(source))
    if url.scheme not in ('http', 'https'):
        return Path(source)
    copy = Path(torch.hub.get_dir()) / 'checkpoints' / Path(url.path).name
    if not copy.exists():
        copy.parent.mkdir(parents=True, exist_ok=True)
        torch.hub.download_url_to_file(str(source), str(copy))
    return copy


class UnsafeCheckpointError(ValueError):
    """A checkpoint holds objects whose reading could run code."""


class _Settings:
    """Stands for training settings that released files keep beside their weights; holds them as inert data."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


# of argparse in the linear probes of the release, of yacs in its video files; neither's own code is run
_SETTINGS = [(_Settings, 'argparse.Namespace'), (OrderedDict, 'yacs.config.CfgNode')]


def _torch_load(path: Path) -> Any:
    with torch.serialization.safe_globals(_SETTINGS):
        # a file of the old, not zipped kind cannot be mapped
        return torch.load(path, mmap=zipfile.is_zipfile(path), map_location='cpu', weights_only=True)


def _unpickle(path: Path) -> Any:
    try:
        return _torch_load(path)
    except pickle.UnpicklingError:
        # A checkpoint of mmengine's runner holds a little more than tensors. What that is gets allow-listed when the
        # module that reads it is imported, which a script that only builds a backbone has not done.
        import_module('mmengine.runner.checkpoint')
    try:
        return _torch_load(path)
    except pickle.UnpicklingError as error:
        if 'weights_only' in str(error).lower() or 'Unsupported global' in str(error):
            raise UnsafeCheckpointError(
                f'{path} is refused: besides tensors it holds Python objects, and reading those can run code. '
                'Save its weights alone, or as safetensors, with the program that wrote it.'
            ) from error
        raise


def read_checkpoint(source: str | os.PathLike) -> dict[str, Any]:
    """Read a ``.safetensors`` file, or a file of ``torch.save`` without running code from it.

    Tensors are mapped from the disk where the format allows, so a large file does not fill the memory. While they are
    in use the file may be removed or replaced, but not written to.

    Args:
        source: Path or http(s) URL.

    Returns:
        What the file holds; a dict.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is a folder, truncated or no checkpoint.
        UnsafeCheckpointError: It holds more than tensors and plain values.
    """
    path = _local_file(source)
    if not path.exists():
        raise FileNotFoundError(f'There is no checkpoint {path}: give the path of a .pt, .pth or .safetensors file.')
    if path.is_dir():
        raise ValueError(
            f'{path} is a folder: give a file. For a folder of DeepSpeed shards make one first with '
            'tools/misc/publish_model.py.'
        )
    try:
        checkpoint = load_file(path) if path.suffix == '.safetensors' else _unpickle(path)
    except (UnsafeCheckpointError, ImportError, PermissionError):
        raise
    # damaged bytes make torch's readers fail in whatever line comes first: IndexError, TypeError, OSError, ...
    except Exception as error:
        raise ValueError(
            f'{path} cannot be read ({path.stat().st_size:,} bytes): it is truncated or no checkpoint; '
            'copy or download it again.'
        ) from error
    if not isinstance(checkpoint, dict):
        raise ValueError(f'{path} holds a {type(checkpoint).__name__}, expected a dict of weights.')
    return checkpoint


def _complain(report: Report, source: str | os.PathLike, part: str) -> None:
    if report.missing:
        raise ValueError(
            f'{source} lacks {len(report.missing)} weights of the {part}: {fold_names(report.missing)}. '
            'Give a file of the same architecture, or strict=False to keep their initial values.'
        )
    if report.unexpected:
        raise ValueError(
            f'{source} holds {len(report.unexpected)} weights that the {part} has no place for: '
            f'{fold_names(report.unexpected)}. Build the model that the file is of, or give strict=False.'
        )


def _load(
    module: nn.Module,
    source: str | os.PathLike,
    task: str,
    strict: bool,
    prefix: str,
    grid: tuple | None,
    mapped: bool = False,
) -> Report:
    target = {prefix + name: tensor for name, tensor in module.state_dict().items()}
    checkpoint = read_checkpoint(source)
    trunk = module if prefix else getattr(module, key_table(task).trunk.removesuffix('.'), None)
    try:
        conversion: Conversion = convert_state_dict(
            checkpoint,
            task,
            target=target,
            grid=grid,
            only=prefix,
            resize=getattr(trunk, 'position_rule', (1, 'bicubic')),
        )
        if strict:
            _complain(conversion.report, source, type(module).__name__)
    except ValueError as error:
        raise ValueError(f'{error} {describe_family(checkpoint, trunk)}'.rstrip()) from error
    weights = {name.removeprefix(prefix): tensor for name, tensor in conversion.state_dict.items()}
    if mapped:
        kept = module.state_dict()
        weights = {name: tensor.to(kept[name]) for name, tensor in weights.items() if name in kept}
    module.load_state_dict(weights, strict=False, assign=mapped)
    return conversion.report


def load_pretrained(
    backbone: nn.Module,
    source: str | os.PathLike,
    task: str | None = None,
    strict: bool = True,
    mapped: bool = False,
) -> Report:
    """Load any EVA checkpoint into a backbone, resized to its patches, positions and windows.

    Args:
        backbone: ``eva_mm.EVAViT`` or a subclass.
        source: Path or URL of the checkpoint, of whatever task and layout.
        task: Task whose names the backbone has; its ``checkpoint_task`` if ``None``.
        strict: Whether it is an error if the file lacks weights that it should have, or holds unknown ones.
        mapped: Let the weights lie in the file as :func:`read_checkpoint` maps it, where dtype and device agree,
            instead of copying them: they are read when they are used, and what is trained is copied then. The file
            must not be written to while the backbone lives.

    Returns:
        What happened to each weight.

    Raises:
        FileNotFoundError: No such file.
        ValueError: As :func:`read_checkpoint` and :func:`eva_mm.checkpoint.convert_state_dict`; with ``strict`` also
            if weights are missing or unexpected.
    """
    task = task or backbone.checkpoint_task
    grid = getattr(backbone, 'grid', None)
    return _load(backbone, source, task, strict, key_table(task).trunk, grid, mapped)


def load_model(model: nn.Module, source: str | os.PathLike, task: str, strict: bool = True) -> Report:
    """Load any EVA checkpoint into a whole model, as :func:`load_pretrained` does into a backbone."""
    trunk = getattr(model, key_table(task).trunk.removesuffix('.'), None)
    return _load(model, source, task, strict, '', getattr(trunk, 'grid', None))
