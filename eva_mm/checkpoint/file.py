"""A checkpoint: a file, opened once, and what it holds."""

import os
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eva_mm.checkpoint.unwrap import unwrap
from eva_mm.safe_io.download import cached, is_address
from eva_mm.safe_io.weights import read_weights, tensors


def local_file(source: str | os.PathLike) -> Path:
    """The file itself, or the downloaded copy of an http(s) address in torch's cache.

    Raises:
        OSError, ValueError: The address cannot be fetched.
    """
    if not is_address(source):
        return Path(source)
    try:
        return cached(str(source), Path(torch.hub.get_dir()) / 'checkpoints')
    except (OSError, ValueError) as error:
        kind = OSError if isinstance(error, OSError) else ValueError
        raise kind(f'{source} cannot be fetched: {error}') from error


@dataclass(frozen=True)
class Checkpoint:
    """What a checkpoint file holds; read without running code from it, its checksums verified.

    Tensors are mapped from the disk where the format allows, so a large file does not fill the memory. While they are
    in use the file may be removed or replaced, but not written to.

    Attributes:
        path: The file.
        content: All of it.
    """

    path: Path
    content: dict[str, Any]

    @classmethod
    def open(cls, source: 'Source') -> 'Checkpoint':
        """Read a file, or take one that is open already.

        Args:
            source: Path, http(s) address or checkpoint.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is a directory, truncated, damaged or not a checkpoint.
            UnsafeCheckpointError: It holds more than tensors and plain values.
        """
        if isinstance(source, Checkpoint):
            return source
        path = local_file(source)
        if path.is_dir():
            raise ValueError(
                f'{path} is a directory; pass a file. For a directory of DeepSpeed shards make one first with '
                'tools/misc/publish_model.py.'
            )
        return cls(path, read_weights(path))

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Its weights by name, see :func:`unwrap`.

        Raises:
            ValueError: It holds none.
        """
        return unwrap(self.content)

    def content_tensors(self) -> list[Tensor]:
        """All tensors of the file, weights or not."""
        return list(tensors(self.content))

    @property
    def meta(self) -> dict[str, Any]:
        """What mmengine's runner notes: ``cfg``, ``dataset_meta``, ``epoch``, ``iter``; empty if there is nothing."""
        meta = self.content.get('meta')
        return meta if isinstance(meta, dict) else {}

    @property
    def config(self) -> str:
        """The text of the config that it carries; empty if it carries none."""
        text = self.meta.get('cfg')
        return text if isinstance(text, str) else ''

    @property
    def dataset_meta(self) -> dict[str, Any]:
        """Names of the classes and the like; empty if there are none."""
        meta = self.meta.get('dataset_meta')
        return meta if isinstance(meta, dict) else {}


# where weights may come from: a path, an http(s) address, or a file that is open already
Source = str | os.PathLike | Checkpoint
