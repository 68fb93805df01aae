"""Writing weights: nothing is overwritten, and no half-written file is left."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from safetensors.torch import save_file
from torch import Tensor

from eva_mm.checkpoint.file_grid import Grid, with_record
from eva_mm.safe_io.checksums import KEY, weights_checksum
from eva_mm.safe_io.weights import META

SUFFIXES = ('.safetensors', '.pth', '.pt')


def check_destination(path: str | os.PathLike) -> Path:
    """Make sure, before long work, that weights can be written there.

    Raises:
        ValueError: The name ends in something else than :data:`SUFFIXES`.
        FileExistsError: There is such a file already.
        FileNotFoundError: There is no such folder.
    """
    path = Path(path)
    if path.suffix not in SUFFIXES:
        raise ValueError(f'{path} must end in one of {", ".join(SUFFIXES)}, which says how the weights are written.')
    if path.exists():
        raise FileExistsError(f'{path} exists and is not overwritten: remove it or give another name.')
    if not path.parent.is_dir():
        raise FileNotFoundError(f'There is no folder {path.parent}: make it or give another one.')
    return path


def write_weights(
    weights: Mapping[str, Tensor],
    path: str | os.PathLike,
    wrapper: str = '',
    extra: Mapping | None = None,
    grid: Grid | None = None,
) -> Path:
    """Write weights as safetensors or as a file of ``torch.save``; either carries checksums of them.

    Args:
        weights: Tensors by name.
        path: Where to; the suffix says how.
        wrapper: Key that the weights lie under in a ``.pt`` or ``.pth`` file; safetensors has none.
        extra: More top-level entries of a ``.pt`` or ``.pth`` file that has a ``wrapper``. Of a safetensors file, its
            ``meta`` of plain values, which :func:`eva_mm.safe_io.weights.read_weights` gives back.
        grid: Grid of the positions, which a ``.pt`` or ``.pth`` file records.

    Returns:
        The path.

    Raises:
        ValueError, FileExistsError, FileNotFoundError: As :func:`check_destination`.
    """
    path = check_destination(path)
    part = path.with_name(f'.{path.name}.part')
    try:
        if path.suffix == '.safetensors':
            contiguous = {name: tensor.contiguous() for name, tensor in weights.items()}
            # a file of torch.save has checksums of its own
            metadata = {'format': 'pt', KEY: weights_checksum(contiguous)}
            if extra and 'meta' in extra:
                metadata[META] = json.dumps(extra['meta'])
            save_file(contiguous, part, metadata=metadata)
        else:
            recorded = with_record(dict(weights), grid)
            torch.save({wrapper: recorded, **(extra or {})} if wrapper else recorded, part)
        part.rename(path)
    finally:
        part.unlink(missing_ok=True)
    return path
