"""The half of the DeepSpeed strategy that loads, resumes and saves."""

import os.path as osp
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from mmengine._strategy import DeepSpeedStrategy
from mmengine.dist import get_rank, get_world_size, is_main_process
from mmengine.runner.checkpoint import (
    _load_checkpoint,
    _load_checkpoint_to_model,
    weights_to_cpu,
)

from eva_mm.engine.deepspeed.checkpoint import (
    EMA_PREFIX,
    check_directory,
    read_ema,
    read_weights,
    save_ema,
)
from eva_mm.engine.deepspeed.fp32_weights import deepspeed_engine
from eva_mm.engine.deepspeed.zero_repartition import load_repartitioned, saved_processes
from eva_mm.safe_io.weights import weights_only


class DeepSpeedIO(DeepSpeedStrategy):
    """Checkpoints for :class:`~eva_mm.engine.deepspeed.strategy.EVADeepSpeedStrategy`."""

    def load_checkpoint(
        self,
        filename: str,
        *,
        map_location: str | Callable = 'cpu',
        strict: bool = False,
        revise_keys: list = [(r'^module.', '')],  # noqa: B006, as in mmengine
        callback: Callable | None = None,
    ) -> dict:
        """Load the weights of a ``.pth`` file, a URL or a DeepSpeed checkpoint directory."""
        self.logger.info(f'Load checkpoint from {filename}')
        if osp.isdir(filename):
            checkpoint = read_weights(filename)
        else:
            checkpoint = _load_checkpoint(filename, map_location=map_location)
        if callback is not None:
            callback(checkpoint)
        engine = deepspeed_engine(self.model)
        if engine is None:
            _load_checkpoint_to_model(self.model, checkpoint, strict=strict, revise_keys=revise_keys)
            return checkpoint
        from deepspeed.runtime.zero import GatheredParameters

        with GatheredParameters(engine.module.parameters(), modifier_rank=0):
            _load_checkpoint_to_model(engine.module, checkpoint, strict=strict, revise_keys=revise_keys)
        if hasattr(engine.optimizer, 'refresh_fp32_params'):
            engine.optimizer.refresh_fp32_params()
        return checkpoint

    def resume(self, filename: str, *, callback: Callable | None = None, **kwargs: Any) -> dict:
        """Continue from a DeepSpeed checkpoint directory; the arguments are those of mmengine."""
        if osp.isfile(filename):
            raise ValueError(
                f'{filename} is a file, but a run with DeepSpeed resumes from a checkpoint '
                'directory; give the file as load_from to start from its weights.'
            )
        check_directory(filename)
        with weights_only():
            checkpoint = self._resume_directory(filename, **kwargs)
        # text of a config that a resuming runner would run
        checkpoint.get('meta', {}).pop('config', None)
        average = read_ema(filename)
        if average is not None:
            named = {EMA_PREFIX + name: value for name, value in average.items()}
            checkpoint['ema_state_dict'] = named
        if callback is not None:
            callback(checkpoint)
        return checkpoint

    def _resume_directory(self, filename: str, resume_optimizer: bool = True, **kwargs: Any) -> dict:
        engine, processes = deepspeed_engine(self.model), get_world_size()
        before = saved_processes(filename) if engine.zero_optimization() else processes
        if before in (None, processes) or not resume_optimizer:
            return super().resume(filename, resume_optimizer=resume_optimizer, **kwargs)
        checkpoint = super().resume(filename, resume_optimizer=False, **kwargs)
        load_repartitioned(filename, engine.optimizer, get_rank(), processes)
        self.load_optim_state_dict(checkpoint.pop('optim_wrapper'))
        self.logger.info(f'{filename} was saved by {before} processes and has been cut anew for {processes}.')
        return checkpoint

    def save_checkpoint(
        self,
        filename: str,
        *,
        save_optimizer: bool = True,
        extra_ckpt: dict | None = None,
        callback: Callable | None = None,
        **kwargs: Any,
    ) -> None:
        """Save a checkpoint directory or, without the optimizer, a ``.pth`` file of the weights.

        Under ZeRO-3 it is always a directory.

        Raises:
            OSError: This process could not write its part; the others do not wait for it.
        """
        engine = deepspeed_engine(self.model)
        save_optimizer = save_optimizer or engine.zero_optimization_partition_weights()
        checkpoint = {'meta': {}, **(extra_ckpt or {})}
        if not save_optimizer:
            checkpoint['state_dict'] = weights_to_cpu(
                engine.module_state_dict(exclude_frozen_parameters=self.exclude_frozen_parameters)
            )
        if callback is not None:
            _call_hooks(callback, checkpoint)
        average = checkpoint.pop('ema_state_dict', None) if save_optimizer else None
        with _finish_writing(engine):
            super().save_checkpoint(filename, save_optimizer=save_optimizer, extra_ckpt=checkpoint, **kwargs)
        if average is not None and is_main_process():
            save_ema(filename, average, checkpoint['meta'])


@contextmanager
def _finish_writing(engine: Any) -> Iterator[None]:
    """Let a process that cannot write go on to where DeepSpeed's processes meet, and raise after that."""
    writer, failures = engine.checkpoint_engine, []
    write = writer.save

    def save(state_dict: Any, path: str) -> None:
        try:
            write(state_dict, path)
        except (OSError, RuntimeError) as error:  # torch's own writer raises the latter on a full disk
            failures.append(OSError(f'{path}: {str(error).splitlines()[0]}'))

    writer.save = save
    try:
        yield
    finally:
        del writer.save
    if failures:
        raise failures[0]


def _call_hooks(callback: Callable, checkpoint: dict) -> None:
    try:
        callback(checkpoint)
    except KeyError as error:
        raise ValueError(
            f'A hook asked for {error} of the checkpoint, but DeepSpeed keeps the weights itself; '
            'for an average of the weights use eva_mm.FP32EMAHook in place of EMAHook.'
        ) from error
