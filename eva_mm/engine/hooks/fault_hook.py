"""Broken samples of a run: replaced, counted over all processes, listed in a file, and a bound that stops the run."""

import csv
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.dist import all_gather_object, all_reduce, get_world_size, is_main_process
from mmengine.hooks import Hook
from mmengine.logging import print_log
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from eva_mm.engine.hooks.partial_score import leave_out
from eva_mm.engine.long_run.loaders import built_loops, change_loaders, is_stream, rebuild
from eva_mm.engine.long_run.resumable_batches import SeededSamples
from eva_mm.registry import DATASETS, HOOKS

COLUMNS = ('source', 'kind', 'name', 'detail')
SPLITS = dict(train='training', val='validation', test='test')


def describe(counts: np.ndarray, sources: Sequence[str], columns: Sequence[str]) -> str:
    """Such as ``'cc3m: 3 truncated, 1 empty; coco: 2 cmyk'``."""
    parts = []
    for source, row in zip(sources, counts.tolist()):
        kinds = ', '.join(f'{count} {kind}' for kind, count in zip(columns[2:], row[2:]) if count)
        if kinds:
            parts.append(f'{source}: {kinds}')
    return '; '.join(parts)


def wrapped(dataset: Any) -> list[Any]:
    """The data sets that a data set wraps."""
    own = getattr(dataset, '__dict__', {})
    return [each for each in (own.get('dataset'), *(own.get('datasets') or ())) if each is not None]


def fault_logs(dataset: Any) -> list[Any]:
    """The counters of a data set and of all that it wraps."""
    inner = [log for each in wrapped(dataset) for log in fault_logs(each)]
    return [*([dataset.faults] if _has_faults(dataset) else []), *inner]


def _has_faults(dataset: Any) -> bool:
    return 'faults' in getattr(dataset, '__dict__', {})


def _guards_itself(dataset: Any) -> bool:
    """Whether all data sets that read files replace broken ones by themselves."""
    inner = wrapped(dataset)
    return _has_faults(dataset) or bool(inner) and all(_guards_itself(each) for each in inner)


@HOOKS.register_module()
class FaultHook(Hook):
    """Guards the data of every loop, counts what is broken after every epoch, and ends a run whose data are lost.

    Data sets of any host are read through ``eva_mm.GuardedSamples``, which replaces broken samples; those that do so
    themselves (``eva_mm.MergedImages``, ``eva_mm.EVAVideoDataset``, the streams of pairs) go by their own ``policy``.
    Each sample is counted once in an epoch, however many ranks and workers there are, and is once in the list, which a
    resumed run goes on with. What was replaced in an evaluation is left out of the score, and the log says so.

    Args:
        policy: ``'replace'``, ``'refuse'``: stop at the first broken sample, or one of them by kind of
            ``eva_mm.datasets.faults.KINDS``.
        max_fraction: Stop when more than this share of an epoch's training samples so far was replaced. The default is
            far above what sound copies of the public sets have and far below what a lost disk gives.
        min_samples: Do not judge by fewer samples than these.
        interval: Iterations from one look to the next.
        named: Names in a line of the log; the list has all.
        file: The list, a csv file in the work dir.

    Raises:
        ValueError: ``max_fraction`` is no share.
        SystemExit: In training, when ``max_fraction`` is exceeded; its text is one sentence.
    """

    priority = 'LOW'

    def __init__(
        self,
        policy: Mapping[str, str] | str = 'replace',
        max_fraction: float = 0.01,
        min_samples: int = 10_000,
        interval: int = 100,
        named: int = 5,
        file: str = 'broken_samples.csv',
    ) -> None:
        if not 0 <= max_fraction <= 1:
            raise ValueError(f'max_fraction={max_fraction} must lie between 0 and 1.')
        self.policy = policy
        self.max_fraction = max_fraction
        self.min_samples = min_samples
        self.interval = interval
        self.named = named
        self.file = file
        self._before: dict[str, list[np.ndarray]] = {}
        self._listed: set[tuple[str, str]] = set()
        self._names: dict[str, list[str]] = {split: [] for split in SPLITS}

    def before_run(self, runner: Runner) -> None:
        """Guard the data, and read the list of an earlier run."""
        for split, loop in built_loops(runner):
            change_loaders(loop, lambda loader, split=split: self._prepare(loader, split, Path(runner.work_dir)))
            if split != 'train':
                leave_out(loop)
        path = Path(runner.work_dir) / self.file
        if path.is_file() and is_main_process():
            with path.open(newline='') as file:
                self._listed = {(row.get('name'), row.get('kind')) for row in csv.DictReader(file)}

    def _prepare(self, loader: DataLoader, split: str, work_dir: Path) -> DataLoader:
        """Guard a loader before its workers start: mmengine's iteration-based loop starts them at once."""
        loader = self._guard(loader, evaluating=split != 'train')
        self._remember(split, loader.dataset)
        for number, log in enumerate(fault_logs(loader.dataset)):
            log.start_journal(work_dir / 'broken_samples' / f'{split}{number or ""}')
        return loader

    def _guard(self, loader: DataLoader, evaluating: bool) -> DataLoader:
        seeded = isinstance(loader.dataset, SeededSamples)
        inner = loader.dataset.dataset if seeded else loader.dataset
        if is_stream(loader) or _guards_itself(inner):
            return loader
        guarded = DATASETS.build(
            dict(type='eva_mm.GuardedSamples', dataset=inner, policy=self.policy, evaluating=evaluating)
        )
        if not seeded:
            return rebuild(loader, guarded)
        loader.dataset.dataset = guarded
        return loader

    def before_train(self, runner: Runner) -> None:
        """Log the sources of a mixture."""
        counts = getattr(runner.train_dataloader.dataset, 'counts', None)
        if callable(counts):
            images = counts()
            parts = ', '.join(f'{name} {count:,}' for name, count in images.items())
            runner.logger.info(f'{sum(images.values()):,} images: {parts}.')

    def before_train_epoch(self, runner: Runner) -> None:
        """Tell the data set which epoch it is: replacements may depend on it."""
        data = runner.train_dataloader.dataset
        if hasattr(data, 'faults') and hasattr(data, 'set_epoch'):
            data.set_epoch(runner.epoch)

    def after_train_iter(self, runner: Runner, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Stop if too much is broken."""
        if (batch_idx + 1) % self.interval == 0:
            self._check(*self._report(runner, 'train'))

    def after_train_epoch(self, runner: Runner) -> None:
        """Log the counts of this epoch, write the list, and stop if too much is broken."""
        found, seen, replaced = self._report(runner, 'train')
        if found:
            runner.logger.warning(
                f'Epoch {runner.epoch + 1}: {replaced} of {seen} samples were replaced; found: {found}'
                f'{self._examples("train")}; see {self.file}.'
            )
        self._remember('train', runner.train_dataloader.dataset)
        self._check(found, seen, replaced)

    def before_val_epoch(self, runner: Runner) -> None:
        """Count anew."""
        self._remember('val', runner.val_dataloader.dataset)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Log what the score leaves out."""
        self._log_evaluation(runner, 'val')

    def before_test_epoch(self, runner: Runner) -> None:
        """Count anew."""
        self._remember('test', runner.test_dataloader.dataset)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Log what the score leaves out."""
        self._log_evaluation(runner, 'test')

    def _log_evaluation(self, runner: Runner, split: str) -> None:
        found, seen, replaced = self._report(runner, split)
        if found:
            runner.logger.warning(
                f'{replaced} of {seen} {SPLITS[split]} samples could not be read and do not count: {found}'
                f'{self._examples(split)}; see {self.file}.'
            )

    def _remember(self, split: str, dataset: Any) -> None:
        self._before[split] = [log.counts() for log in fault_logs(dataset)]

    def _examples(self, split: str) -> str:
        names = [Path(name).name for name in self._names[split]]
        more = ', ...' if len(names) > self.named else ''
        return f' ({", ".join(names[: self.named])}{more})' if names else ''

    def _report(self, runner: Runner, split: str) -> tuple[str, int, int]:
        """What was found since the epoch began, samples seen, samples replaced: of all processes; new ones listed."""
        found, totals = [], np.zeros(2, np.int64)
        logs = fault_logs(getattr(runner, f'{split}_dataloader').dataset)
        for log, before in zip(logs, self._before[split]):
            counts = torch.from_numpy(log.counts() - before)
            if get_world_size() > 1:
                all_reduce(counts)
            found.append(describe(counts.numpy(), log.sources, log.columns))
            # a wrapper has seen the samples of what it wraps
            totals = np.maximum(totals, counts.numpy()[:, :2].sum(0))
            self._write_list(runner, split, log)
        return '; '.join(filter(None, found)), *totals.tolist()

    def _check(self, found: str, seen: int, replaced: int) -> None:
        if seen >= self.min_samples and replaced > self.max_fraction * seen:
            raise SystemExit(
                f'{replaced} of {seen} samples could not be used ({found}), more than max_fraction='
                f'{self.max_fraction}: mend the data that {self.file} in the work dir lists, or raise max_fraction of '
                'eva_mm.FaultHook.'
            )

    def _write_list(self, runner: Runner, split: str, log: Any) -> None:
        """Gather what all processes have found; each then knows what is listed and writes it to no journal again."""
        entries = [entry for part in all_gather_object(log.new_entries()) for entry in part]
        log.mark(entry['index'] for entry in entries)
        new = {(entry['name'], entry['kind']): entry for entry in entries}
        self._names[split] = sorted({*self._names[split], *(name for name, _ in new)})
        new = {key: entry for key, entry in new.items() if key not in self._listed}
        if not new or not is_main_process():
            return
        self._listed |= set(new)
        path = Path(runner.work_dir) / self.file
        is_first = not path.is_file()
        try:
            with path.open('a', newline='') as file:
                writer = csv.DictWriter(file, COLUMNS, extrasaction='ignore')
                if is_first:
                    writer.writeheader()
                writer.writerows(new[key] for key in sorted(new))
        except OSError as error:
            print_log(f'{path} could not be written ({error.strerror}): {len(new)} are not listed.', 'current', 30)
