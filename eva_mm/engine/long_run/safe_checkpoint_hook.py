"""Saves checkpoints so that a kill or a full disk at any moment costs none of those there are."""

from pathlib import Path
from typing import Any

import torch
from mmengine.dist import all_reduce, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log

from eva_mm.engine.long_run.checkpoint_store import discard, part_name, publish, write_pointer
from eva_mm.registry import HOOKS


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """:class:`CheckpointHook` whose checkpoints, files and DeepSpeed directories, are complete or absent.

    A checkpoint is written under another name, flushed to the disk and then renamed; only after that older ones are
    removed. If it cannot be written, for instance on a full disk, the partial file is removed, a warning says so and
    the run goes on with the checkpoints it has.

    Args:
        stop_if_unwritable: End the run instead, if a checkpoint cannot be written.
        **kwargs: As for mmengine's hook. The folder must be a local or mounted one.

    Raises:
        OSError: With ``stop_if_unwritable``, in training.
    """

    def __init__(self, *args: Any, stop_if_unwritable: bool = False, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.stop_if_unwritable = stop_if_unwritable
        self._given_out_dir = self.out_dir
        self._saved: tuple[int, str] | None = None  # iteration and path of the last checkpoint

    def before_train(self, runner: Any) -> None:
        """Prepare the folder; may be called again, after a roll-back."""
        self.out_dir = self._given_out_dir
        super().before_train(runner)

    def save_now(self, runner: Any) -> bool:
        """Save after the running iteration, whatever the interval.

        Returns:
            Whether there is a checkpoint of this iteration.
        """
        if self._saved and self._saved[0] == runner.iter + 1:
            return True
        meta = dict(epoch=runner.epoch, iter=runner.iter + 1)
        return self._save(runner, f'iter_{runner.iter + 1}.pth', meta, by_epoch=False)

    def _save_checkpoint_with_step(self, runner: Any, step: int, meta: dict) -> None:
        if isinstance(runner, _SavesWhole):
            runner = runner._runner
        hub = runner.message_hub
        known = list(hub.runtime_info.get('keep_ckpt_ids', []))
        steps = [each for each in known if each != step] + [step]
        if self.max_keep_ckpts > 0:
            # The checkpoint lists those that are about to go, so that a resumed run removes them if this one is killed.
            hub.update_info('keep_ckpt_ids', steps)
        if not self._save(runner, self.filename_tmpl.format(step), meta, self.by_epoch):
            if self.max_keep_ckpts > 0:
                hub.update_info('keep_ckpt_ids', known)
            return
        if self.max_keep_ckpts > 0:
            outdated, kept = steps[: -self.max_keep_ckpts], steps[-self.max_keep_ckpts :]
            hub.update_info('keep_ckpt_ids', kept)
            if is_main_process():
                for each in outdated:
                    discard(Path(self.out_dir) / self.filename_tmpl.format(each))

    def _save_best_checkpoint(self, runner: Any, metrics: dict) -> None:
        super()._save_best_checkpoint(_SavesWhole(runner, self), metrics)

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
        if is_main_process():
            write_pointer(Path(runner.work_dir), path)
        return True

    def write(self, runner: Any, out_dir: str, name: str, **options: Any) -> bool:
        """Write one checkpoint, or nothing.

        Args:
            runner: The runner.
            out_dir: The folder.
            name: Name in the folder.
            options: Further ones of ``runner.save_checkpoint``.

        Returns:
            Whether it was written; the same on all processes.
        """
        part, final = Path(out_dir) / part_name(name), Path(out_dir) / name
        error = None
        try:
            if is_main_process():
                discard(part)
            runner.save_checkpoint(str(out_dir), part.name, **options)
        except OSError as failure:
            error = failure
        if not _any_failed(error):
            try:
                if is_main_process():
                    publish(part, final)
            except OSError as failure:
                error = failure
            if not _any_failed(error):
                return True
        if is_main_process():
            discard(part)
        sentence = f'{final} could not be written ({error or "on another process"}); the checkpoint before it is kept.'
        if self.stop_if_unwritable:
            raise OSError(sentence) from error
        print_log(f'{sentence} Make room on the disk.', 'current', 30)
        return False


class _SavesWhole:
    """A runner whose ``save_checkpoint`` is that of the hook."""

    def __init__(self, runner: Any, hook: SafeCheckpointHook) -> None:
        self._runner, self._hook = runner, hook

    def __getattr__(self, name: str) -> Any:
        return getattr(self._runner, name)

    def save_checkpoint(self, out_dir: str, filename: str, *args: Any, **options: Any) -> None:
        self._hook.write(self._runner, out_dir, filename, **options)


def _any_failed(error: Exception | None) -> bool:
    failed = torch.tensor(int(error is not None))
    all_reduce(failed, 'max')
    return bool(failed)
