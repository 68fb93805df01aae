"""Training loops that go on within an epoch, exactly where the checkpoint was saved."""

import itertools
from collections.abc import Callable
from typing import Any

import torch
from mmengine.dist import get_world_size
from mmengine.logging import print_log
from mmengine.runner import EpochBasedTrainLoop, IterBasedTrainLoop

from eva_mm.engine.long_run.loaders import is_stream
from eva_mm.engine.long_run.resumable_batches import ResumableBatches, resumable
from eva_mm.engine.long_run.roll_back import CHANGES, RollBack, roll_back
from eva_mm.registry import LOOPS

# in the message hub, and so in every checkpoint
GLOBAL_BATCH = 'global_batch'
EPOCH_START = 'epoch_start'  # iteration; another number of processes may make epochs a batch longer or shorter
VALIDATED = 'last_validation_iter'


def global_batch(loader: Any) -> int:
    """Samples of an iteration over all processes."""
    # a batch sampler of its own leaves batch_size empty
    return (loader.batch_size or loader.batch_sampler.batch_size) * get_world_size()


def other_batch(saved: int, now: int) -> str:
    """Why a checkpoint with another global batch is not resumed."""
    return (
        f'The checkpoint was saved with {saved} samples an iteration, this run has {now}, which would change schedule '
        f'and data position: set train_dataloader.batch_size to {saved} / number of processes, or start from the '
        'weights with --load-from.'
    )


class _Resumable:
    """What both loops share: the data loader, the check of the batch, rolling back, a validation that was missed."""

    dataloader: Any
    runner: Any
    _iter: int
    _batches: ResumableBatches | None = None

    def _make_resumable(self, endless: bool = False) -> None:
        if is_stream(self.dataloader):
            print_log(
                f'{type(self.dataloader.dataset).__name__} is a stream, which has no indices to skip: a resumed run '
                'reads it as mmengine does, not as an uninterrupted one would.',
                'current',
                30,
            )
            return
        self.dataloader = resumable(self.dataloader, self.runner.seed, endless)
        self._batches = self.dataloader.batch_sampler
        self._global_batch = global_batch(self.dataloader)

    def check_resumed(self) -> None:
        """See that a checkpoint which was resumed is of such a run.

        Raises:
            ValueError: It has another global batch.
        """
        if self._batches is None:
            return
        saved = self.runner.message_hub.runtime_info.get(GLOBAL_BATCH, self._global_batch)
        if self._iter and saved != self._global_batch:
            raise ValueError(other_batch(saved, self._global_batch))

    def _begin(self) -> None:
        self.check_resumed()
        if self._batches is not None:
            hub = self.runner.message_hub
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

    def _validate(self) -> None:
        self.runner.val_loop.run()
        self.runner.message_hub.update_info(VALIDATED, self._iter)

    def _validate_if_missed(self) -> None:
        """A run that was stopped in a validation has its checkpoint from before it."""
        if self._iter and self._is_val_due() and self.runner.message_hub.runtime_info.get(VALIDATED) != self._iter:
            self._validate()

    def _is_val_due(self) -> bool:
        raise NotImplementedError


@LOOPS.register_module()
class ResumableEpochLoop(_Resumable, EpochBasedTrainLoop):
    """:class:`EpochBasedTrainLoop` that resumes after any iteration.

    Order, augmentation and masking of the samples depend on seed and iteration alone: not on the number of workers, on
    what they drew before, or on how often the run was stopped. For drop path and dropout add
    :class:`~eva_mm.engine.long_run.step_seed.StepSeedHook`; to have checkpoints within epochs set
    ``default_hooks.checkpoint.by_epoch=False``. The number of processes may change between two runs if the samples of
    an iteration over all of them stay as many. A run that was stopped in a validation begins with it.

    A data set without indices, a stream, is read as mmengine does, and a warning says so.

    Args:
        kwargs: As for :class:`EpochBasedTrainLoop`.

    Raises:
        ValueError: The checkpoint is of another global batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._make_resumable()

    def run(self) -> torch.nn.Module:
        """Train."""
        return self._run_again(self._train)

    def _train(self) -> torch.nn.Module:
        self.runner.call_hook('before_train')
        self._decide_current_val_interval()
        if self._iter == self.runner.message_hub.runtime_info.get(EPOCH_START):
            self._validate_if_missed()
        while self._epoch < self._max_epochs and not self.stop_training:
            self.run_epoch()
            self._decide_current_val_interval()
            if self._is_val_due():
                self._validate()
        self.runner.call_hook('after_train')
        return self.runner.model

    def _is_val_due(self) -> bool:
        if self.runner.val_loop is None or self._epoch < self.val_begin:
            return False
        return self._epoch % self.val_interval == 0 or self._epoch == self._max_epochs

    def run_epoch(self) -> None:
        """Train on what is left of the epoch."""
        if self._batches is None:
            super().run_epoch()
            return
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
        ValueError: The checkpoint is of another global batch.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        if not is_stream(self.dataloader):
            self.dataloader_iterator = None  # over the parent's data loader
        self._make_resumable(endless=True)

    def run(self) -> torch.nn.Module:
        """Train."""
        return self._run_again(self._train)

    def _train(self) -> torch.nn.Module:
        self.runner.call_hook('before_train')
        # the whole training is one long epoch
        self.runner.call_hook('before_train_epoch')
        batches = self._remaining_batches()
        self._decide_current_val_interval()
        self._validate_if_missed()
        while self._iter < self._max_iters and not self.stop_training:
            self.runner.model.train()
            self.run_iter(next(batches))
            self._decide_current_val_interval()
            if self._is_val_due():
                self._validate()
        self.runner.call_hook('after_train_epoch')
        self.runner.call_hook('after_train')
        return self.runner.model

    def _remaining_batches(self) -> Any:
        if self._batches is None:
            return itertools.islice(self.dataloader_iterator, self._iter, None)
        self._batches.start(first=0, skip=self._iter)
        self.dataloader_iterator = iter(self.dataloader)
        return self.dataloader_iterator

    def _is_val_due(self) -> bool:
        if self.runner.val_loop is None or self._iter < self.val_begin:
            return False
        return self._iter % self.val_interval == 0 or self._iter == self._max_iters
