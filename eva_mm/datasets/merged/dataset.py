"""Images of many sources, of folders, tar shards and zip files, as one data set."""

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from mmengine.dataset import Compose
from mmengine.logging import print_log
from torch.utils.data import Dataset

from eva_mm.datasets.faults import FaultLog, make_policy, read_or_replace
from eva_mm.datasets.merged.containers import Container, find_containers
from eva_mm.datasets.merged.decode import EXIF_MODES
from eva_mm.datasets.merged.index import MergedIndex
from eva_mm.datasets.merged.load import Loader
from eva_mm.datasets.merged.pack import index_in_memory
from eva_mm.datasets.merged.scan import Scan, scan
from eva_mm.registry import DATASETS
from eva_mm.safe_io.folders import Listing
from eva_mm.safe_io.images import Limits
from eva_mm.safe_io.printed import printable


def _remark(scans: Sequence[tuple[Container, Scan]]) -> str:
    """One line on what was not taken; empty if all was."""
    skipped = Listing()
    for container, found in scans:
        place = printable(container.path)
        skipped.skipped += found.skipped
        for reason, name in found.examples.items():
            skipped.examples.setdefault(reason, f'{place}/{name}')
        if found.problem:
            skipped.skip(f'damaged or unreadable archives or folders, {printable(found.problem)}', place)
    return skipped.remark()


@DATASETS.register_module()
class MergedImages(Dataset):
    """Unlabelled images of several sources, each once in an epoch (EVA's merged-30M, arXiv 2211.07636).

    Samplers, shuffling and resuming are those of any data set with random access. Nothing is unpacked. A sample that
    enters the pipeline is decoded: ``img`` (H, W, 3) BGR uint8, ``img_shape``, ``ori_shape``, ``img_path``,
    ``sample_idx`` and ``source``.

    An image that cannot be read is replaced by another one of the same source, chosen by seed, epoch and number alone,
    so that a resumed run replaces it by the same one; ``eva_mm.FaultHook`` counts, lists and limits them.

    Args:
        data_root: What the paths of sources and index are relative to.
        pipeline: Configs of transforms, without loading.
        sources: By name: a folder with everything below it, a ``.tar`` or ``.zip`` file, a ``.txt`` list of paths, or
            a pattern with ``*`` of such. ``None``: everything below ``data_root``.
        index: Folder that ``tools/dataset_converters/make_merged_index.py`` wrote. ``None``: look for the images at
            every start, in each process.
        policy: What is done with a kind of image of ``faults.KINDS``: ``'use'``, ``'replace'`` or ``'refuse'``. By
            default all of ``faults.BROKEN`` are replaced and all of ``faults.ODD`` used, as released.
        exif: ``'ignore'`` the orientation of the camera, as released, or ``'apply'`` it.
        limits: Fields of ``eva_mm.safe_io.images.Limits``.
        seed: Of the choice of replacements.
        max_tries: Replacements that are tried in turn.
        held_out_every: Of so many images one is held out: the data set is without it. 0: none is.
        held_out: The data set is those that are held out, and no others.
        lazy_init: Look for images or open the index when first used.

    Raises:
        FileNotFoundError: A source or the index does not exist, or there is no image.
        ValueError: An option is unknown, or the index is damaged or of other sources.
        Fault: On use: by ``'refuse'``, or if no replacement can be read.
    """

    metainfo: dict[str, Any] = {}

    def __init__(
        self,
        data_root: str = '',
        pipeline: Sequence[dict] = (),
        sources: Mapping[str, str] | None = None,
        index: str | None = None,
        policy: Mapping[str, str] | str = 'replace',
        exif: str = 'ignore',
        limits: Mapping[str, float] | None = None,
        seed: int = 0,
        max_tries: int = 20,
        held_out_every: int = 0,
        held_out: bool = False,
        lazy_init: bool = False,
    ) -> None:
        if exif not in EXIF_MODES:
            raise ValueError(f'exif={exif!r} is unknown: choose from {", ".join(EXIF_MODES)}.')
        self.data_root = data_root or '.'
        self.pipeline = Compose(pipeline)
        self.sources = dict(sources or {os.path.basename(os.path.abspath(self.data_root)): '.'})
        self.index_folder = None if index is None else os.path.join(self.data_root, index)
        self.policy = make_policy(policy)
        self.exif = exif
        self.limits = Limits(**(limits or {}))
        self.seed = seed
        self.max_tries = max_tries
        if held_out and held_out_every < 2:
            raise ValueError(f'held_out=True needs held_out_every, of at least 2 images, got {held_out_every}.')
        self.held_out_every, self.held_out = held_out_every, held_out
        # shared with workers, which may live for the whole run
        self._epoch = torch.zeros(1, dtype=torch.int64).share_memory_()
        self._fully_initialized = False
        if not lazy_init:
            self.full_init()

    def full_init(self) -> None:
        """Open the index, or look for the images."""
        if self._fully_initialized:
            return
        if self.index_folder is None:
            containers = find_containers(self.data_root, self.sources)
            scans = [(each, scan(self.data_root, each)) for each in containers]
            self.index = index_in_memory(list(self.sources), scans)
            if remark := _remark(scans):
                print_log(remark, logger='current', level=logging.WARNING)
        else:
            self.index = MergedIndex.open(self.index_folder)
            if self.index.sources != tuple(self.sources):
                raise ValueError(
                    f'The index {self.index_folder} has the sources {", ".join(self.index.sources)} and the config has '
                    f'{", ".join(self.sources)}: make the index again, or change sources.'
                )
        if not len(self.index):
            raise FileNotFoundError(f'There is no image in {self.data_root}: check data_root and sources.')
        self._bounds = [np.array(self.index.bounds(source)).T for source in range(len(self.sources))]
        self.faults = FaultLog(list(self.sources), len(self.index))
        self._loader = Loader(self.data_root, self.index, self.faults, self.policy, self.limits, self.exif)
        every, numbers = self.held_out_every, np.arange(len(self.index))
        # numbers in the index; all of them need no table
        self._numbers = numbers[(numbers % every == every - 1) == self.held_out] if every else None
        self._fully_initialized = True

    def set_epoch(self, epoch: int) -> None:
        """Choose the replacements of this epoch, in all workers; ``eva_mm.FaultHook`` calls it."""
        self._epoch[0] = epoch

    def counts(self) -> dict[str, int]:
        """Images of each source."""
        self.full_init()
        return self.index.counts()

    def __len__(self) -> int:
        self.full_init()
        return len(self.index) if self._numbers is None else len(self._numbers)

    def _number(self, idx: int) -> int:
        """Number in the index of a sample."""
        self.full_init()
        return int(idx) if self._numbers is None else int(self._numbers[idx])

    def get_data_info(self, idx: int) -> dict:
        """``img_path``, ``source`` and ``sample_idx`` of an image."""
        return self._loader.describe(self._number(idx))

    def stand_in(self, idx: int, attempt: int) -> int:
        """The number of another image of the same source, as a function of seed, epoch, number and attempt."""
        if self._numbers is not None:  # never one of the other part
            return int(np.random.default_rng([self.seed, int(self._epoch), idx, attempt]).choice(self._numbers))
        starts, ends = self._bounds[self.index.source_of(idx)]
        behind = np.cumsum(ends - starts)
        chosen = int(np.random.default_rng([self.seed, int(self._epoch), idx, attempt]).integers(behind[-1]))
        return int(ends[run := np.searchsorted(behind, chosen, 'right')] - behind[run] + chosen)

    def load(self, idx: int) -> dict:
        """The decoded sample of image ``idx``, or of the one that replaces it.

        Raises:
            Fault: See the class.
        """
        self.full_init()
        stand_ins = (self.stand_in(idx, attempt) for attempt in range(self.max_tries))
        source = self.index.source_of(idx)
        return read_or_replace(self._loader.load, idx, stand_ins, self.faults, source, self.policy)

    def __getitem__(self, idx: int) -> Any:
        return self.pipeline(self.load(self._number(idx)))
