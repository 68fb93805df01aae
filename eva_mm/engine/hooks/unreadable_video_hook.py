"""The number of videos that could not be read, in the log."""

from collections import Counter
from collections.abc import Mapping
from pathlib import Path

from mmengine.dist import all_gather_object
from mmengine.hooks import Hook
from mmengine.runner import Runner
from torch.utils.data import DataLoader

from eva_mm.registry import HOOKS


@HOOKS.register_module()
class UnreadableVideoHook(Hook):
    """Write how many videos of a data set were unreadable, why, and the first names, after every epoch.

    Works with every data set that has a method ``unreadable() -> {file: reason}``, such as
    ``eva_mm.EVAVideoDataset``; silent for others and while all files can be read. With several processes their
    findings are merged.

    Args:
        shown: Names in a line of the log.
    """

    priority = 'LOW'

    def __init__(self, shown: int = 5) -> None:
        self.shown = shown
        self._last: dict[str, Mapping[str, str]] = {}

    def _report(self, runner: Runner, split: str, loader: DataLoader) -> None:
        if not hasattr(loader.dataset, 'unreadable'):
            return
        found: dict[str, str] = {}
        for part in all_gather_object(loader.dataset.unreadable()):
            found.update(part)
        if found and found != self._last.get(split):
            self._last[split] = found
            reasons = ', '.join(f'{count} {reason}' for reason, count in Counter(found.values()).most_common())
            names = ', '.join(Path(name).name for name in sorted(found)[: self.shown])
            more = ', ...' if len(found) > self.shown else '.'
            runner.logger.warning(
                f'{len(found)} of {len(loader.dataset)} {split} videos could not be read and were replaced '
                f'({reasons}): {names}{more}'
            )

    def after_train_epoch(self, runner: Runner) -> None:
        """Report on the training set."""
        self._report(runner, 'training', runner.train_dataloader)

    def after_train(self, runner: Runner) -> None:
        """Report on the training set, for loops without epochs."""
        self._report(runner, 'training', runner.train_dataloader)

    def after_val_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Report on the validation set."""
        self._report(runner, 'validation', runner.val_dataloader)

    def after_test_epoch(self, runner: Runner, metrics: dict | None = None) -> None:
        """Report on the test set."""
        self._report(runner, 'test', runner.test_dataloader)
