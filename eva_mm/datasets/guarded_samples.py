"""Any host's data set, with samples whose files are broken replaced by others."""

import errno
import logging
import os
import re
import traceback
from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import torch
from mmengine.logging import print_log
from torch.utils.data import Dataset

from eva_mm.datasets.faults import Fault, FaultLog, image_fault, make_policy, read_or_replace, shown
from eva_mm.registry import DATASETS

# transforms of all hosts that read a file: LoadImageFromFile, DecordInit, PyAVDecode, eva_mm.OpenVideo, ...
_READS_A_FILE = re.compile('Load|Open|Read|Decode|Init$')
_READS_LABELS = re.compile('Annot|Seg|Mask|Label|Panoptic')
# what the machine lacks, not the file
_NO_FAULT_OF_A_FILE = {
    getattr(errno, name) for name in ('ENOSPC', 'EDQUOT', 'EMFILE', 'ENFILE', 'ENOMEM') if hasattr(errno, name)
}
_OWN = ('dataset', 'policy', 'max_tries', 'evaluating', 'faults', '_replaced')


def _reading_step(error: BaseException) -> str | None:
    """The transform, by its class, that was reading a file when ``error`` was raised."""
    for frame, _ in traceback.walk_tb(error.__traceback__):
        owner = frame.f_locals.get('self')
        if not isinstance(owner, Dataset) and _READS_A_FILE.search(type(owner).__name__):
            return type(owner).__name__
    return None


def _kind(error: Exception, file: str | None) -> str:
    if isinstance(error, OSError) and error.errno is not None:
        return 'missing'
    if file is not None and os.path.isfile(file) and not os.path.getsize(file):
        return 'empty'
    return image_fault(error)


@DATASETS.register_module()
class GuardedSamples(Dataset):
    """A data set with an index whose broken samples are replaced, counted and listed, whatever host it is of.

    A sample is broken if reading one of its files fails: what a loading transform raises (``LoadImageFromFile``,
    ``LoadAnnotations``, ``DecordInit``, ...), and errors of input and output anywhere else. Any other error is a defect
    of the pipeline: it is raised, after the sample has been named in the log.

    In training another sample, drawn from NumPy's generator, takes the place of a broken one. In evaluation it is the
    next one, and ``eva_mm.FaultHook`` leaves it out of the score. Everything else is that of the data set inside.

    Args:
        dataset: Any data set with indices.
        policy: ``'replace'``, ``'refuse'``: stop with the error, or one of the two by kind of ``faults.KINDS``.
        max_tries: Replacements that are tried in turn. If none can be read the data are gone, or the config is wrong.
        evaluating: Whether samples are looked at to compute a score.

    Raises:
        ValueError: The policy is unknown.
        Fault: On use: by ``'refuse'``, or if no replacement can be read.
    """

    def __init__(
        self,
        dataset: Dataset,
        policy: Mapping[str, str] | str = 'replace',
        max_tries: int = 20,
        evaluating: bool = False,
    ) -> None:
        self.dataset = dataset
        self.policy = make_policy(policy)
        self.max_tries = max_tries
        self.evaluating = evaluating
        self.faults = FaultLog(['samples'], len(dataset))
        # shared with the loader's workers; one place per sample, so they need no lock
        self._replaced = torch.zeros(len(dataset), dtype=torch.uint8).share_memory_()

    def __getattr__(self, name: str) -> Any:
        if name.startswith('__') or name in _OWN:
            raise AttributeError(name)
        return getattr(self.dataset, name)

    def __setattr__(self, name: str, value: Any) -> None:
        """Hooks of hosts change pipelines through the loader's data set."""
        if name in _OWN:
            object.__setattr__(self, name, value)
        else:
            setattr(self.dataset, name, value)

    def __len__(self) -> int:
        return len(self.dataset)

    def __getitem__(self, index: int) -> Any:
        return read_or_replace(self._read, int(index), self._stand_ins(int(index)), self.faults, 0, self.policy)

    def replaced(self) -> set[int]:
        """Numbers of the samples that any worker of this process has replaced."""
        return set(self._replaced.nonzero().flatten().tolist())

    def _stand_ins(self, index: int) -> Iterator[int]:
        self._replaced[index] = 1
        for attempt in range(1, self.max_tries + 1):
            yield (index + attempt) % len(self) if self.evaluating else int(np.random.randint(len(self)))

    def _read(self, index: int, noted: bool) -> Any:
        try:
            return self.dataset[index]
        except Exception as error:
            step = _reading_step(error)
            is_fault = isinstance(error, (Fault, OSError, EOFError)) or step is not None
            if not is_fault or getattr(error, 'errno', None) in _NO_FAULT_OF_A_FILE:
                print_log(f'Sample {index} ({self._file(index, None)}): {error!r}', 'current', logging.ERROR)
                raise
            file = error.filename if isinstance(error, OSError) and error.filename else self._file(index, step)
            kind = error.kind if isinstance(error, Fault) else _kind(error, file)
            name, detail = shown(str(file)), ' '.join(str(error).split())[:200] or type(error).__name__
            if noted:
                self.faults.note(index, 0, [kind], name, detail)
            raise Fault(f'{name} is {kind} ({detail}): replace it.', kind) from error

    def _file(self, index: int, step: str | None) -> str:
        """The file that cannot be read, as far as the data set tells: the label map for a step that loads labels."""
        try:
            info = self.dataset.get_data_info(index)
            files = {key: value for key, value in info.items() if re.search('path|file', key) and value}
            files = {key: value for key, value in files.items() if isinstance(value, (str, os.PathLike))}
        except Exception:  # a wrapper of data sets need not have it
            return f'sample {index}'
        absent = [file for file in files.values() if not os.path.isfile(file) or not os.path.getsize(file)]
        labels = [file for key, file in files.items() if 'seg' in key or 'ann' in key or 'mask' in key]
        others = [file for file in files.values() if file not in labels]
        likely = labels + others if step and _READS_LABELS.search(step) else others + labels
        return str(next(iter(absent + likely), f'sample {index}'))
