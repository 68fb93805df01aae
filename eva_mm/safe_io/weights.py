"""Checkpoint files: tensors and plain values, read without running code, and compared with their checksums."""

import json
import os
import pickle
import re
from collections import OrderedDict
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from safetensors import safe_open
from safetensors.torch import load_file
from torch import Tensor

from eva_mm.safe_io.checksums import KEY, weights_checksum, zip_problem
from eva_mm.safe_io.files import NotRegularError, open_regular
from eva_mm.safe_io.kinds import HEAD, foreign_kind, is_plain_pickle, is_safetensors, is_torch_zip
from eva_mm.safe_io.printed import printable, reason_of

_AGAIN = 'copy or download it again'


class UnsafeCheckpointError(ValueError):
    """A checkpoint holds objects whose reading could run code."""


class _Settings:
    """Stands for training settings that released files keep beside their weights; holds them as inert data."""

    def __setstate__(self, state: Any) -> None:
        self.state = state


# of argparse in the linear probes of the release, of yacs in its video files; neither's own code is run
_SETTINGS = [(_Settings, 'argparse.Namespace'), (OrderedDict, 'yacs.config.CfgNode')]

# what torch's restricted unpickler says of things that it does not know, and not of damaged bytes
_OBJECTS = re.compile('GLOBAL |unrecognized function|Can only (create|build) ')

# in the metadata of safetensors: what a checkpoint of ``torch.save`` has as ``meta``, as json
META = 'eva_mm.meta'

FORCE, FORCE_NOT = 'TORCH_FORCE_WEIGHTS_ONLY_LOAD', 'TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD'


def force_weights_only() -> None:
    """From now on ``torch.load`` runs no code in this process and its children, whoever calls it and how."""
    os.environ.pop(FORCE_NOT, None)
    os.environ[FORCE] = '1'


@contextmanager
def weights_only() -> Iterator[None]:
    """Within the context, ``torch.load`` runs no code, whoever calls it and how."""
    before = {name: os.environ.get(name) for name in (FORCE, FORCE_NOT)}
    force_weights_only()
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name, None)
            if value is not None:
                os.environ[name] = value


def _torch_load(path: Path, mapped: bool, map_location: Any) -> Any:
    # a variable of the environment that asks for the opposite would be an error
    with weights_only(), torch.serialization.safe_globals(_SETTINGS):
        if path.suffix == '.safetensors':  # torch 2.14 goes by the name of a path; this content is of torch.save
            with path.open('rb') as file:
                return torch.load(file, map_location=map_location, weights_only=True)
        return torch.load(path, mmap=mapped, map_location=map_location, weights_only=True)


def _unpickle(path: Path, mapped: bool, map_location: Any) -> Any:
    try:
        return _torch_load(path, mapped, map_location)
    except pickle.UnpicklingError:
        # A checkpoint of mmengine's runner holds a little more than tensors. What that is gets allow-listed when the
        # module that reads it is imported, which a script that only builds a backbone has not done.
        import_module('mmengine.runner.checkpoint')
    try:
        return _torch_load(path, mapped, map_location)
    except pickle.UnpicklingError as error:
        if _OBJECTS.search(str(error)):
            raise _unsafe(path) from error
        raise


def _unsafe(path: Path) -> UnsafeCheckpointError:
    return UnsafeCheckpointError(
        f'{printable(path)} is refused: besides tensors it holds Python objects, and reading those can run code. '
        'Save its weights alone, or as safetensors, with the program that wrote it.'
    )


def _safetensors(path: Path) -> dict[str, Any]:
    weights = load_file(path)
    with safe_open(path, 'pt') as file:
        metadata = file.metadata() or {}
    written = metadata.get(KEY)
    if written and written != weights_checksum(weights):
        raise ValueError('its checksum is wrong')
    if META not in metadata:
        return weights
    meta = json.loads(metadata[META])
    if not isinstance(meta, dict):
        raise ValueError('its description is damaged')
    return {'meta': meta, 'state_dict': weights}


def tensors(content: Any) -> Iterator[Tensor]:
    """All tensors in dicts, lists and tuples, each container once."""
    seen: set[int] = set()
    open_parts = [content]
    while open_parts:
        part = open_parts.pop()
        if isinstance(part, Tensor):
            yield part
        elif isinstance(part, (Mapping, list, tuple)) and id(part) not in seen:
            seen.add(id(part))
            open_parts.extend(part.values() if isinstance(part, Mapping) else part)


def _check_sizes(content: Any, file_size: int) -> None:
    """Refuse tensors that are larger than their file: views of a few bytes, or memory that was never read."""
    for tensor in tensors(content):
        if tensor.layout == torch.strided and tensor.numel() * tensor.element_size() > max(file_size, 1024):
            raise ValueError(f'it declares a tensor of the shape {tuple(tensor.shape)} in {file_size:,} bytes')


def read_weights(path: str | os.PathLike, mapped: bool = True, map_location: Any = 'cpu') -> dict[str, Any]:
    """Read a file of ``torch.save`` or safetensors without running code from it, and verify its checksums.

    What the file is, is told by its content and not by its name. Files of ``torch.save`` are zip archives with a
    checksum for every tensor; safetensors written by this package carry one in their metadata.

    Args:
        path: A local file.
        mapped: Map tensors from the disk where the format allows, so a large file does not fill the memory. While they
            are in use the file may be removed or replaced, but not written to.
        map_location: As for ``torch.load``.

    Returns:
        What the file holds; a dict.

    Raises:
        FileNotFoundError: There is no such file.
        ValueError: It is not a regular file, truncated, damaged or not a checkpoint; the message says which.
        UnsafeCheckpointError: It holds more than tensors and plain values.
    """
    path = Path(path)
    try:
        with open_regular(path) as file:
            head, size = file.read(HEAD), file.seek(0, os.SEEK_END)
    except FileNotFoundError as error:
        raise FileNotFoundError(
            f'Checkpoint not found: {printable(path)} (expected .pt, .pth or .safetensors)'
        ) from error
    except NotRegularError as error:
        raise NotRegularError(f'{printable(path)} cannot be read as a checkpoint: {error}') from error
    if is_safetensors(head):
        problem, zipped = '', False
    elif path.suffix == '.safetensors' and not is_torch_zip(head) and not foreign_kind(head):
        problem, zipped = f'it is truncated or not safetensors; {_AGAIN}', False
    elif kind := foreign_kind(head):
        raise ValueError(f'{printable(path)} is {kind}.')
    elif is_plain_pickle(head):
        raise _unsafe(path)
    else:
        zipped = is_torch_zip(head)
        problem = zip_problem(path) if zipped else ''
    if problem:
        raise ValueError(f'{printable(path)} cannot be read ({size:,} bytes): {problem}.')
    try:
        content = _safetensors(path) if is_safetensors(head) else _unpickle(path, mapped and zipped, map_location)
        if isinstance(content, dict):
            _check_sizes(content, size)
    except (UnsafeCheckpointError, ImportError, PermissionError):
        raise
    # damaged bytes make torch's readers fail in whatever line comes first: IndexError, TypeError, OSError, ...
    except Exception as error:
        detail = reason_of(error, 100) if type(error) is ValueError else 'it is truncated or not a checkpoint'
        raise ValueError(f'{printable(path)} cannot be read ({size:,} bytes): {detail}; {_AGAIN}.') from error
    if not isinstance(content, dict):
        raise ValueError(f'{printable(path)} holds a {type(content).__name__}, expected a dict of weights.')
    return content


def find_corruption(path: str | os.PathLike) -> str:
    """What is wrong with a checkpoint file, in one line; empty if torch can load it and all its checksums are right."""
    try:
        content = read_weights(path)
    except (ValueError, OSError, ImportError) as error:
        return str(error)
    return value_problem(state_dict(content))


def state_dict(content: Mapping[str, Any]) -> dict[str, Tensor]:
    """The tensors of a checkpoint of mmengine's runner that are weights."""
    weights = content.get('state_dict')
    return weights if isinstance(weights, Mapping) else {}


def value_problem(weights: Mapping[str, Any], target: Mapping[str, Tensor] | None = None) -> str:
    """Which weights hold values that no weight can have; empty if none do.

    Args:
        weights: Tensors by name.
        target: Those of the model that takes them. Where it has floating-point numbers, complex ones and integers are
            named as well.
    """
    wrong: dict[str, list[str]] = {}
    for name, tensor in weights.items():
        if not isinstance(tensor, Tensor) or tensor.is_meta:
            continue
        expected = target.get(name) if target is not None else None
        if expected is not None and expected.is_floating_point() and not tensor.is_floating_point():
            kind = 'complex numbers' if tensor.is_complex() else 'integers'
            wrong.setdefault(f'{kind} where floating-point numbers belong', []).append(str(name))
        elif not _is_finite(tensor):
            wrong.setdefault('NaN or infinite values', []).append(str(name))
    return '; '.join(f'{len(names)} weights hold {what}: {_listed(names)}' for what, names in wrong.items())


def _listed(names: list[str]) -> str:
    return ', '.join(printable(name, 80) for name in names[:3]) + (', ...' if len(names) > 3 else '')


def _is_finite(tensor: Tensor) -> bool:
    if not (tensor.is_floating_point() or tensor.is_complex()) or tensor.layout != torch.strided:
        return True
    if tensor.element_size() < 2 and tensor.is_floating_point():
        tensor = tensor.float()
    # One sum is forty times as fast as looking at each value. It may overflow where no value does.
    wide = torch.promote_types(tensor.dtype, torch.float32)
    return bool(tensor.sum(dtype=wide).isfinite()) or bool(tensor.isfinite().all())
