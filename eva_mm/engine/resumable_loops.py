"""Training loops that go on within an epoch, exactly where the checkpoint was saved."""

from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from eva_mm.engine.remaining_batches import RemainingBatches
from eva_mm.engine.resumable_batches import ResumableBatches, resumable
from eva_mm.engine.roll_back import CHANGES, RollBack, roll_back
from eva_mm.registry import LOOPS

# in the message hub, and so in every checkpoint
GLOBAL_BATCH = 'global_batch'
EPOCH_START = 'epoch_start'  # iteration; another number of processes may make epochs a batch longer or shorter


class _Resumable:
    """What both loops share: the data loader, the check of the batch, rolling back."""

    dataloader: Any
    runner: Any

    def _make_resumable(self, endless: bool = False) -> None:
        self.dataloader = resumable(self.dataloader, self.runner.seed, endless)
        self._global_batch = self._batches.batch_size * get_world_size()

    @property
    def _batches(self) -> ResumableBatches:
        return self.dataloader.batch_sampler

    def _begin(self) -> None:
        hub = self.runner.message_hub
        saved = hub.runtime_info.get(GLOBAL_BATCH, self._global_batch)
        if self.iter and saved != self._global_batch:
            raise ValueError(
                f'The checkpoint was saved with {saved} samples an iteration, this run has {self._global_batch}, which '
                f'would change schedule and data position: set train_dataloader.batch_size to {saved} / number of '
                'processes, or start from the weights with --load-from.'
            )
        hub.update_info(GLOBAL_BATCH, self._global_batch)
        self._batches.reseed(hub.runtime_info.get(CHANGES, 0))

    def _run_again(self, run: Callable[[], Any]) -> Any:
        """Run, and after a lost stretch run from the last good checkpoint."""
        left: set[str] = set()
        while True:
            self._begin()
            try:
                return run()
            except RollBack as lost:
                left.add(roll_back(self.runner, lost, left))


@LOOPS.register_module()
class ResumableEpochLoop(_Resumable, EpochBasedTrainLoop):
    """:class:`EpochBasedTrainLoop` that resumes after any iteration.

    Order, augmentation and masking of the samples depend on seed and iteration alone: not on the number of workers, on
    what they drew before, or on how often the run was stopped. For drop path and dropout add
    :class:`~eva_mm.engine.step_seed_hook.StepSeedHook`; to have checkpoints within epochs set
    ``default_hooks.checkpoint.by_epoch=False``. The number of processes may change between two runs if the samples of
    an iteration over all of them stay as many.

    Args:
        kwargs: As for :class:`EpochBasedTrainLoop`.

    Raises:
        ValueError: The data are a stream, or the checkpoint is of another global batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._make_resumable()

    def run(self) -> torch.nn.Module:
        """Train."""
        return self._run_again(super().run)

    def run_epoch(self) -> None:
        """Train on what is left of the epoch."""
        hub = self.runner.message_hub
        start = hub.runtime_info.get(EPOCH_START, self._epoch * len(self.dataloader))
        hub.update_info(EPOCH_START, start)
        done = self._iter - start
        self._batches.start(first=start, skip=done)
        self.runner.call_hook('before_train_epoch')
        self.runner.model.train()
        for index, data_batch in enumerate(self.dataloader, start=done):
            self.run_iter(index, data_batch)
        hub.update_info(EPOCH_START, self._iter)
        self.runner.call_hook('after_train_epoch')
        self._epoch += 1


@LOOPS.register_module()
class ResumableIterLoop(_Resumable, IterBasedTrainLoop):
    """:class:`IterBasedTrainLoop` that resumes without reading the samples that are done; see the other loop.

    Args:
        kwargs: As for :class:`IterBasedTrainLoop`.

    Raises:
        ValueError: The data are a stream, or the checkpoint is of another global batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.dataloader_iterator = None  # over the parent's data loader
        self._make_resumable(endless=True)

    def run(self) -> torch.nn.Module:
        """Train."""

        def run() -> torch.nn.Module:
            self._batches.start(first=0, skip=self._iter)
            self.dataloader_iterator = RemainingBatches(self.dataloader, done=self._iter)
            return super(ResumableIterLoop, self).run()

        return self._run_again(run)
