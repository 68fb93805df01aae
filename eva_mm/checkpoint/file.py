"""A checkpoint: a file, opened once, and what it holds."""

import os
import re
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from eva_mm.checkpoint.report import fold_names
from eva_mm.checkpoint.unwrap import AVERAGES, WRAPPERS, choose_weights
from eva_mm.safe_io.download import cached, is_address
from eva_mm.safe_io.hub import HubFile, fetch, is_hub_address
from eva_mm.safe_io.shards import index_of, read_shards
from eva_mm.safe_io.weights import read_weights, tensors

# names that timm, open_clip, mmengine and others download by
_HUB = re.compile(r'((hf-hub|hf|timm|modelscope|ms|s3|gs|open-mmlab|mmcls|torchvision|openai):)(.*)')


def local_file(source: str | os.PathLike) -> Path:
    """The file itself, or the downloaded copy of an http(s) address in torch's cache, of a hf:// address in the hub's.

    Raises:
        OSError, ValueError: The address cannot be fetched.
        ModuleNotFoundError: A hf:// address without huggingface_hub.
    """
    if is_hub_address(source):
        return fetch(HubFile.parse(str(source)))
    if not is_address(source):
        if match := _HUB.match(str(source)):
            raise ValueError(
                f'{source} is a name that {match[2]} serves: nothing is downloaded by that name; pass the file of its '
                'weights, its https address or hf://OWNER/REPOSITORY/FILE.'
            )
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
        which: Of several sets of weights, see :func:`eva_mm.checkpoint.unwrap.choose_weights`.
    """

    path: Path
    content: dict[str, Any]
    which: str = 'auto'

    @classmethod
    def open(cls, source: 'Source', which: str = 'auto') -> 'Checkpoint':
        """Read a file, or take one that is open already.

        Args:
            source: Path, http(s) or hf:// address, or checkpoint; a directory or index of sharded safetensors.
            which: ``'auto'``, ``'raw'`` or ``'averaged'``.

        Raises:
            FileNotFoundError: There is no such file.
            ValueError: It is a directory, truncated, damaged or not a checkpoint.
            UnsafeCheckpointError: It holds more than tensors and plain values.
        """
        if isinstance(source, Checkpoint):
            return source if which in ('auto', source.which) else replace(source, which=which)
        path = local_file(source)
        if (index := index_of(path)) is not None:
            return cls(path, read_shards(index), which)
        if path.is_dir():
            raise ValueError(
                f'{path} is a directory; pass a file. For a directory of DeepSpeed shards make one first with '
                'tools/misc/publish_model.py.'
            )
        return cls(path, read_weights(path), which)

    def __str__(self) -> str:
        return str(self.path)

    @cached_property
    def weights(self) -> dict[str, Tensor]:
        """Its weights by name.

        Raises:
            ValueError: It holds none.
        """
        return choose_weights(self.content, self.which).weights

    @property
    def taken(self) -> str:
        """Which of several sets of weights these are; empty if it holds one."""
        return choose_weights(self.content, self.which).taken

    def below(self, prefix: str) -> 'Checkpoint':
        """The weights whose names begin with ``prefix``, which is taken away.

        Raises:
            ValueError: There are none.
        """
        prefix = prefix.rstrip('.') + '.'
        below = {name.removeprefix(prefix): each for name, each in self.weights.items() if name.startswith(prefix)}
        if not below:
            raise ValueError(f'{self} holds no weights under prefix={prefix!r}, but {fold_names(self.weights)[:200]}.')
        return Checkpoint(self.path, {**self.content, **dict.fromkeys(WRAPPERS + AVERAGES), 'state_dict': below})

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


# where weights may come from: a path, an http(s) or hf:// address, or a file that is open already
Source = str | os.PathLike | Checkpoint
