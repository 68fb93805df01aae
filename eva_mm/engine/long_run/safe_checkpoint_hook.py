"""Saves checkpoints so that a kill or a full disk at any moment costs none of those there are."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import FlexibleRunner

from eva_mm.engine.long_run.accumulation import accumulated_iterations, is_between_steps
from eva_mm.engine.long_run.checkpoint_store import discard, part_name, publish, write_pointer
from eva_mm.engine.long_run.loss_guard import refuse_lost_weights
from eva_mm.process import DISK_FULL
from eva_mm.registry import HOOKS

EXTRA = 'extra_ckpts'  # in the message hub: checkpoints beyond the interval, which the next regular one outdates


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """:class:`CheckpointHook` whose checkpoints, files and DeepSpeed directories, are complete or absent.

    A checkpoint is written under another name, flushed to the disk and then renamed; only after that older ones are
    removed, the best one so far as well. If it cannot be written, for instance on a full disk, the partial file is
    removed, a warning says so and the run goes on with the checkpoints it has; if that was the last one of the run, it
    ends with exit code 74.

    A checkpoint holds no gradients: with gradient accumulation it is saved after the next step of the optimizer.

    Args:
        stop_if_unwritable: End the run instead, if a checkpoint cannot be written.
        **kwargs: As for mmengine's hook. The folder must be a local or mounted one.

    Raises:
        OSError: With ``stop_if_unwritable``, in training.
        RuntimeError: In training, if the run has an :class:`~eva_mm.engine.long_run.loss_guard.LossGuardHook` and the
            weights are not finite.
        SystemExit: After training, if its last checkpoint could not be written.
    """

    def __init__(self, *args: Any, stop_if_unwritable: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stop_if_unwritable = stop_if_unwritable
        self._given_out_dir = self.out_dir
        self._saved: tuple[int, str] | None = None  # iteration and path of the last checkpoint
        self._due = False
        self._unwritten: str | None = None  # why the last checkpoint is not there

    def before_train(self, runner: Any) -> None:
        """Prepare the folder; may be called again, after a roll-back."""
        self.out_dir = self._given_out_dir
        super().before_train(runner)
        last = runner.message_hub.runtime_info.get('last_ckpt')
        here = last and Path(self.out_dir) / Path(last).name
        self._saved = (runner.iter, str(here)) if runner.iter and here and here.exists() else None
        self._due = False
        accumulated = accumulated_iterations(runner)
        if self.by_epoch and len(runner.train_dataloader) % accumulated:
            print_log(
                f'An epoch of {len(runner.train_dataloader)} iterations is no multiple of the {accumulated} that are '
                'accumulated for a step: a run that resumes from the end of an epoch lacks the gradients since the '
                'last step. Set default_hooks.checkpoint.by_epoch=False to save after steps.',
                'current',
                30,
            )

    def after_train_iter(self, runner: Any, *args: Any, **kwargs: Any) -> None:
        """Save at the interval, or after the step that follows."""
        if self.by_epoch:
            return
        is_last = self.save_last and self.is_last_train_iter(runner)
        self._due |= is_last or self.every_n_train_iters(runner, self.interval, self.save_begin)
        if self._due and is_between_steps(runner, runner.iter + 1):
            self._due = False
            runner.logger.info(f'Saving checkpoint at {runner.iter + 1} iterations')
            self._save_checkpoint(runner)

    def after_train(self, runner: Any) -> None:
        """End with a code of its own if the weights of the end are not on the disk."""
        super().after_train(runner)
        if self._unwritten is not None:
            print_log(f'Training is through, but {self._unwritten}', 'current', 40)
            sys.exit(DISK_FULL)

    def save_now(self, runner: Any, iteration: int) -> bool:
        """Save after so many iterations, whatever the interval; the next checkpoint replaces this one.

        Returns:
            Whether there is a checkpoint of this iteration.
        """
        if self._saved and self._saved[0] == iteration:
            return True
        name = f'iter_{iteration}.pth'
        before = runner.message_hub.runtime_info.get(EXTRA, [])
        runner.message_hub.update_info(EXTRA, [*before, name])
        if not self._save(runner, name, dict(epoch=runner.epoch, iter=iteration), by_epoch=False):
            return False
        self._discard_extra(runner, before, [name])
        return True

    def _discard_extra(self, runner: Any, names: list[str], kept: list[str]) -> None:
        """Remove checkpoints beyond the interval, after another one has been written."""
        runner.message_hub.update_info(EXTRA, kept)
        if is_main_process():
            for name in names:
                if name not in kept and name != Path(str(self.last_ckpt)).name:
                    discard(Path(self.out_dir) / name)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        if isinstance(runner, _SavesWhole):
            runner = runner._runner
        hub = runner.message_hub
        known = list(hub.runtime_info.get('keep_ckpt_ids', []))
        steps = [each for each in known if each != step] + [step]
        if self.max_keep_ckpts > 0:
            # The checkpoint lists those that are about to go, so that a resumed run removes them if this one is killed.
            hub.update_info('keep_ckpt_ids', steps)
        name = self.filename_tmpl.format(step)
        if not self._save(runner, name, meta, self.by_epoch):
            if self.max_keep_ckpts > 0:
                hub.update_info('keep_ckpt_ids', known)
            return
        self._discard_extra(runner, hub.runtime_info.get(EXTRA, []), [])
        if self.max_keep_ckpts > 0:
            hub.update_info('keep_ckpt_ids', steps[-self.max_keep_ckpts :])
            if is_main_process():
                for each in steps[: -self.max_keep_ckpts]:
                    discard(Path(self.out_dir) / self.filename_tmpl.format(each))

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        """Save the best one, and only then remove the best one so far."""
        if lacking := [name for name in self.save_best and self.key_indicators or () if name not in (*metrics, 'auto')]:
            print_log(
                f'No best checkpoint is kept: the validation has no {lacking[0]}, but '
                f'{", ".join(metrics) or "nothing"}; set default_hooks.checkpoint.save_best to one of them.',
                'current',
                30,
            )
            return
        info, backend = dict(runner.message_hub.runtime_info), self.file_backend
        paths = {name: value for name, value in vars(self).items() if name.startswith('best_ckpt_path')}
        paths = {name: dict(value) if isinstance(value, dict) else value for name, value in paths.items()}
        self.file_backend = later = _RemovesLater(backend)
        try:
            super()._save_best_checkpoint(_SavesWhole(runner, self), metrics)
        except _NotWrittenError:
            vars(self).update(paths)
            runner.message_hub.runtime_info.clear()
            runner.message_hub.runtime_info.update(info)
            later.doomed.clear()
        finally:
            self.file_backend = backend
        best = [value for name, value in runner.message_hub.runtime_info.items() if name.startswith('best_ckpt')]
        for path in later.doomed:
            if path not in best:
                discard(Path(path))

    def _save(self, runner: Any, name: str, meta: dict, by_epoch: bool) -> bool:
        """Save all that resuming takes, and note it as the newest checkpoint."""
        path = str(Path(self.out_dir) / name)
        before = self.last_ckpt
        runner.message_hub.update_info('last_ckpt', path)
        iteration = meta['iter']
        written = self.write(
            runner,
            self.out_dir,
            name,
            is_newest=True,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=by_epoch,
            **self.args,
        )
        if not written:
            runner.message_hub.update_info('last_ckpt', before)
            return False
        self.last_ckpt = path
        self._saved = iteration, path
        return True

    def write(self, runner: Any, out_dir: str, name: str, is_newest: bool = False, **options: Any) -> bool:
        """Write one checkpoint, or nothing.

        Args:
            runner: The runner.
            out_dir: The folder.
            name: Name in the folder.
            is_newest: Note it as the one to resume from.
            options: Further ones of ``runner.save_checkpoint``.

        Returns:
            Whether it was written; the same on all processes.
        """
        refuse_lost_weights(runner)
        part, final = Path(out_dir) / part_name(name), Path(out_dir) / name
        error: OSError | None = None
        try:
            if is_main_process():
                discard(part)
            with _counters_of(runner, **options):
                runner.save_checkpoint(str(out_dir), part.name, **options)
        except OSError as failure:
            error = failure
        if not _any_failed(error):
            try:
                if is_main_process():
                    publish(part, final)
                    if is_newest:
                        write_pointer(Path(runner.work_dir), str(final))
            except OSError as failure:
                error = failure
            if not _any_failed(error):
                self._unwritten = None
                return True
        _try_to_discard(part)
        why = ' '.join(str(error or 'on another process').split())[:200]
        self._unwritten = f'{final} could not be written ({why}); the checkpoint before it is kept.'
        if self.stop_if_unwritable:
            raise OSError(self._unwritten) from error
        print_log(f'{self._unwritten} Make room on the disk.', 'current', 30)
        return False


class _NotWrittenError(Exception):
    """The best checkpoint could not be written."""


class _SavesWhole:
    """A runner whose ``save_checkpoint`` is that of the hook."""

    def __init__(self, runner: Any, hook: SafeCheckpointHook) -> None:
        self._runner, self._hook = runner, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **options: Any) -> None:
        if not self._hook.write(self._runner, out_dir, filename, **options):
            raise _NotWrittenError


class _RemovesLater:
    """A file backend that notes what it is told to remove."""

    def __init__(self, backend: Any) -> None:
        self._backend, self.doomed = backend, []

    def __getattr__(self, name: str) -> Any:
        return getattr(self._backend, name)

    def remove(self, path: str) -> None:
        self.doomed.append(path)

    rmtree = remove


@contextmanager
def _counters_of(runner: Any, meta: dict, by_epoch: bool, **_: Any) -> Iterator[None]:
    """Let mmengine's ``FlexibleRunner`` save ``meta``: it puts its own counters there, right or wrong."""
    if not isinstance(runner, FlexibleRunner):
        yield
        return
    loop = runner.train_loop
    before = loop._epoch, loop._iter
    loop._epoch, loop._iter = meta['epoch'] - by_epoch, meta['iter'] - (not by_epoch)
    try:
        yield
    finally:
        loop._epoch, loop._iter = before


def _try_to_discard(part: Path) -> None:
    if is_main_process():
        try:
            discard(part)
        except OSError:  # the next attempt, or the next start, removes it
            pass


def _any_failed(error: Exception | None) -> bool:
    failed = torch.tensor(int(error is not None))
    all_reduce(failed, 'max')
    return bool(failed)
