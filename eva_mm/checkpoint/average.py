"""The mean of several checkpoints of one run."""

import os
from collections.abc import Sequence

import torch
from torch import Tensor

from eva_mm.checkpoint.file import Checkpoint
from eva_mm.safe_io.weights import value_problem


def average_checkpoints(files: Sequence[str | os.PathLike]) -> dict[str, Tensor]:
    """Average the weights of checkpoint files.

    Sums are kept in fp32 and one file is read at a time. Integer tensors, such as counters and indices, are those of
    the last file.

    Args:
        files: Two or more checkpoints of one model.

    Returns:
        Weights by name, in the dtype they have in the first file.

    Raises:
        ValueError: Fewer than two files, files of different models, or weights that are not finite.
        FileNotFoundError: A file does not exist.
    """
    if len(files) < 2:
        raise ValueError(f'{len(files)} checkpoint is nothing to average: give two or more of one run.')
    first = _finite_weights(files[0])
    dtypes = {name: tensor.dtype for name, tensor in first.items()}
    total = {name: tensor.float() if tensor.is_floating_point() else tensor for name, tensor in first.items()}
    for file in files[1:]:
        weights = _finite_weights(file)
        differing = [name for name in weights.keys() | total.keys() if not _same_shape(weights, total, name)]
        if differing:
            raise ValueError(
                f'{file} is of another model than {files[0]}: {len(differing)} weights differ in name or shape, for '
                f'instance {min(differing)}; give checkpoints of one run.'
            )
        for name, tensor in weights.items():
            total[name] = total[name] + tensor.float() if dtypes[name].is_floating_point else tensor
    return {
        name: (tensor / len(files)).to(dtypes[name]) if tensor.is_floating_point() else tensor
        for name, tensor in total.items()
    }


def _finite_weights(file: str | os.PathLike) -> dict[str, Tensor]:
    weights = Checkpoint.open(file).weights
    if problem := value_problem(weights):
        raise ValueError(f'{file} cannot be averaged: {problem}.')
    return weights


def _same_shape(one: dict[str, Tensor], other: dict[str, Tensor], name: str) -> bool:
    shapes = {weights[name].shape if name in weights else None for weights in (one, other)}
    return len(shapes) == 1 and isinstance(shapes.pop(), torch.Size)
