"""Broken images of a run: counted over all processes, listed in a file, and a bound that stops the run."""

import csv
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.runner import Runner

from eva_mm.registry import HOOKS

COLUMNS = ('source', 'kind', 'name', 'detail')


def describe(counts: np.ndarray, sources: Sequence[str], columns: Sequence[str]) -> str:
    """Such as ``'cc3m: 3 truncated, 1 empty; coco: 2 cmyk'``."""
    parts = []
    for source, row in zip(sources, counts.tolist()):
        kinds = ', '.join(f'{count} {kind}' for kind, count in zip(columns[2:], row[2:]) if count)
        if kinds:
            parts.append(f'{source}: {kinds}')
    return '; '.join(parts)


@HOOKS.register_module()
class BrokenImageHook(Hook):
    """Counts by source and kind after every epoch, a list of the images, and an end to a run whose data are lost.

    For training sets such as ``eva_mm.MergedImages``, with ``counts()``, ``set_epoch()`` and ``faults``;
    silent for others. Each image is counted once in an epoch, however many ranks and workers there are, and is once
    in the list, which a resumed run goes on with.

    Args:
        max_fraction: Stop when more than this share of an epoch's images so far was replaced. The default is far above
            what sound copies of the public sets have and far below what a lost disk gives.
        min_images: Do not judge by fewer images than these.
        interval: Iterations from one look to the next.
        file: The list, a csv file in the work dir.

    Raises:
        SystemExit: In training, when ``max_fraction`` is exceeded; its text is one sentence.
    """

    priority = 'LOW'

    def __init__(
        self,
        max_fraction: float = 0.01,
        min_images: int = 10_000,
        interval: int = 100,
        file: str = 'broken_images.csv',
    ) -> None:
        if not 0 <= max_fraction <= 1:
            raise ValueError(f'max_fraction={max_fraction} must lie between 0 and 1.')
        self.max_fraction = max_fraction
        self.min_images = min_images
        self.interval = interval
        self.file = file
        self._before: np.ndarray | None = None
        self._listed: set[tuple[str, str]] = set()

    @staticmethod
    def _data(runner: Runner) -> Any | None:
        data = runner.train_dataloader.dataset
        return data if hasattr(data, 'faults') else None

    def before_train(self, runner: Runner) -> None:
        """Log the sources, and read the list of an earlier run."""
        data = self._data(runner)
        if data is None:
            return
        counts = data.counts()
        parts = ', '.join(f'{name} {count:,}' for name, count in counts.items())
        runner.logger.info(f'{sum(counts.values()):,} images: {parts}.')
        data.faults.start_journal(Path(runner.work_dir) / 'broken_images')
        path = Path(runner.work_dir) / self.file
        if path.is_file() and is_main_process():
            with path.open(newline='') as file:
                self._listed = {(row['name'], row['kind']) for row in csv.DictReader(file)}
        self._before = data.faults.counts()

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the data set which epoch it is."""
        data = self._data(runner)
        if data is not None:
            data.set_epoch(runner.epoch)
            self._before = data.faults.counts()

    def _counts(self, data: Any) -> np.ndarray:
        """Of this epoch and all processes: (sources, columns of ``data.faults``)."""
        counts = torch.from_numpy(data.faults.counts() - self._before)
        if get_world_size() > 1:
            all_reduce(counts)
        return counts.numpy()

    def _check(self, counts: np.ndarray, found: str) -> None:
        seen, replaced = counts[:, :2].sum(0).tolist()
        if seen >= self.min_images and replaced > self.max_fraction * seen:
            raise SystemExit(
                f'{replaced} of {seen} images could not be used ({found}), more than max_fraction={self.max_fraction}: '
                f'mend the data that {self.file} in the work dir lists, or raise max_fraction of '
                'eva_mm.BrokenImageHook.'
            )

    def _write_list(self, runner: Runner, data: Any) -> None:
        """Gather what all processes have found; each then knows what is listed and writes it to no journal again."""
        entries = [entry for part in all_gather_object(data.faults.new_entries()) for entry in part]
        data.faults.mark(entry['index'] for entry in entries)
        new = {(entry['name'], entry['kind']): entry for entry in entries}
        new = {key: entry for key, entry in new.items() if key not in self._listed}
        if not new or not is_main_process():
            return
        self._listed |= set(new)
        path = Path(runner.work_dir) / self.file
        is_first = not path.is_file()
        with path.open('a', newline='') as file:
            writer = csv.DictWriter(file, COLUMNS, extrasaction='ignore')
            if is_first:
                writer.writeheader()
            writer.writerows(new[key] for key in sorted(new))

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stop if too much is broken."""
        data = self._data(runner)
        if data is not None and (batch_idx + 1) % self.interval == 0:
            counts = self._counts(data)
            found = describe(counts, tuple(data.counts()), data.faults.columns)
            self._write_list(runner, data)
            self._check(counts, found)

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the counts of this epoch, write the list, and stop if too much is broken."""
        data = self._data(runner)
        if data is None:
            return
        counts = self._counts(data)
        found = describe(counts, tuple(data.counts()), data.faults.columns)
        self._write_list(runner, data)
        seen, replaced = counts[:, :2].sum(0).tolist()
        if found:
            runner.logger.warning(
                f'Epoch {runner.epoch + 1}: {replaced} of {seen} images were replaced; found: {found}; see {self.file}.'
            )
        self._check(counts, found)
