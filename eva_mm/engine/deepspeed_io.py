"""The half of the DeepSpeed strategy that loads, resumes and saves."""

import os.path as osp
from collections.abc import Callable
from typing import Any

from mmengine._strategy import DeepSpeedStrategy
from mmengine.dist import is_main_process
from mmengine.runner.checkpoint import (
    _load_checkpoint,
    _load_checkpoint_to_model,
    weights_to_cpu,
)

from eva_mm.engine.deepspeed_checkpoint import (
    EMA_PREFIX,
    check_directory,
    read_ema,
    read_weights,
    save_ema,
)
from eva_mm.engine.fp32_weights import deepspeed_engine


class DeepSpeedIO(DeepSpeedStrategy):
    """Checkpoints for :class:`~eva_mm.engine.deepspeed_strategy.EVADeepSpeedStrategy`."""

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
        checkpoint = super().resume(filename, **kwargs)
        average = read_ema(filename)
        if average is not None:
            named = {EMA_PREFIX + name: value for name, value in average.items()}
            checkpoint['ema_state_dict'] = named
        if callback is not None:
            callback(checkpoint)
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
        super().save_checkpoint(filename, save_optimizer=save_optimizer, extra_ckpt=checkpoint, **kwargs)
        if average is not None and is_main_process():
            save_ema(filename, average, checkpoint['meta'])


def _call_hooks(callback: Callable, checkpoint: dict) -> None:
    try:
        callback(checkpoint)
    except KeyError as error:
        raise ValueError(
            f'A hook asked for {error} of the checkpoint, but DeepSpeed keeps the weights itself; '
            'for an average of the weights use eva_mm.FP32EMAHook in place of EMAHook.'
        ) from error
