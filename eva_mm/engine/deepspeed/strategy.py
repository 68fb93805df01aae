"""DeepSpeed under mmengine's FlexibleRunner, on GPUs and, for tests, on CPUs."""

import importlib.util
import json
import os
from datetime import timedelta
from typing import Any

import torch
from mmengine._strategy.base import BaseStrategy
from mmengine.device import get_device
from torch import nn

from eva_mm.engine.deepspeed.io import DeepSpeedIO
from eva_mm.registry import STRATEGIES


@STRATEGIES.register_module()
class EVADeepSpeedStrategy(DeepSpeedIO):
    """Train with DeepSpeed 0.19: ZeRO stage 0 to 3, in fp32, fp16 or bf16.

    Beyond mmengine's strategy, it

    - works on CPUs (gloo), and in one process with ``--launcher none``;
    - takes the weights of a ``.pth`` file or of a checkpoint directory as ``load_from``, and
      checks a directory's files before DeepSpeed unpickles them;
    - shows checkpoints to hooks, so that :class:`~eva_mm.engine.optim.ema_hook.FP32EMAHook` is saved and
      resumed;
    - evaluates without a training loop in plain fp32, for which ZeRO has no use;
    - honours ``auto_scale_lr``, and ``env_cfg.dist_cfg.timeout`` (seconds) in all of DeepSpeed's
      groups: a process whose peers are lost fails after that time at the latest.

    Iterations, schedules and checkpoints count micro-batches: with ``gradient_accumulation_steps``
    of k the optimizer steps at every k-th iteration, as with mmengine's ``accumulative_counts``,
    and a run should be saved at multiples of k, since gradients are not saved.

    Args:
        config: DeepSpeed's own configuration, a dict or a JSON file, for any further option.
        zero_optimization: ``dict(stage=1)`` and the like.
        gradient_clipping: largest global norm of the gradient.
        gradient_accumulation_steps: micro-batches for each step of the optimizer.
        fp16: ``dict(enabled=True)`` with dynamic loss scale; ``initial_scale_power`` and so on.
        bf16: ``dict(enabled=True)``.
        inputs_to_half: outputs of the data preprocessor to cast; ``['inputs']`` by default in
            fp16 and bf16.
        activation_checkpointing: see DeepSpeed.
        exclude_frozen_parameters: keep frozen parameters out of checkpoints; by default only where the model has a
            ``target_generator``, a teacher that is built from a file of its own.
        steps_per_print: DeepSpeed's own log; hardly ever, by default.
        **kwargs: what the runner passes to every strategy.

    Raises:
        ImportError: if DeepSpeed is not installed.
        FileNotFoundError, ValueError: a checkpoint is missing, damaged, unsafe or of another kind.
    """

    def __init__(
        self,
        *,
        config: str | dict | None = None,
        zero_optimization: dict | None = None,
        gradient_clipping: float | None = None,
        gradient_accumulation_steps: int | None = None,
        fp16: dict | None = None,
        bf16: dict | None = None,
        inputs_to_half: list[int | str] | None = None,
        activation_checkpointing: dict | None = None,
        exclude_frozen_parameters: bool | None = None,
        steps_per_print: int = 10**13,
        **kwargs: Any,
    ) -> None:
        if importlib.util.find_spec('deepspeed') is None:
            raise ImportError(
                'EVADeepSpeedStrategy needs DeepSpeed; install it with '
                '`pip install eva_mm[deepspeed]` or remove `strategy` from the config.'
            )
        # The parent's constructor registers optimizers from a module that DeepSpeed 0.19 lacks.
        BaseStrategy.__init__(self, **kwargs)
        options = dict(
            zero_optimization=zero_optimization,
            gradient_clipping=gradient_clipping,
            gradient_accumulation_steps=gradient_accumulation_steps,
            fp16=fp16,
            bf16=bf16,
            activation_checkpointing=activation_checkpointing,
            steps_per_print=steps_per_print,
        )
        given = {name: value for name, value in options.items() if value is not None}
        self.config = _plain({'gradient_accumulation_steps': 1, **_read_config(config), **given})
        half = any(self.config.get(kind, {}).get('enabled') for kind in ('fp16', 'bf16'))
        self._inputs_to_half = ['inputs'] if inputs_to_half is None and half else inputs_to_half
        self.exclude_frozen_parameters = exclude_frozen_parameters

    _timeout: float | None = None

    def _setup_distributed(self, launcher: str | None = None, backend: str = 'nccl', **kwargs: Any) -> None:
        self._timeout = kwargs.get('timeout')
        if get_device() != 'cpu':
            super()._setup_distributed(launcher, backend, **kwargs)
            return
        if launcher != 'pytorch':
            raise ValueError(
                f'On CPUs EVADeepSpeedStrategy is launched by torchrun with --launcher pytorch, not {launcher}.'
            )
        if 'timeout' in kwargs:
            kwargs['timeout'] = timedelta(seconds=kwargs['timeout'])
        torch.distributed.init_process_group('gloo', **kwargs)

    def prepare(
        self,
        model: nn.Module | dict,
        *,
        optim_wrapper: Any = None,
        param_scheduler: Any = None,
        compile: dict | bool = False,
        dispatch_kwargs: dict | None = None,
    ) -> Any:
        """Build model, optimizer and schedulers, or without an optimizer a plain model."""
        if self._prepared:
            return self._prepared_components()
        self.dispatch_kwargs.update(dispatch_kwargs or {})
        model = self._init_model_weights(self.build_model(model))
        if self.exclude_frozen_parameters is None:
            self.exclude_frozen_parameters = hasattr(model, 'target_generator')
        if optim_wrapper is None:
            self.model = model.to(get_device())
        else:
            self.optim_wrapper = self.build_optim_wrapper(optim_wrapper, model)
            self._scale_lr()
            self.model = self._wrap_model(model)
            self.optim_wrapper.model = self.model
        if param_scheduler is not None:
            self.param_schedulers = self.build_param_scheduler(param_scheduler, self.optim_wrapper)
        self._prepared = True
        return self._prepared_components()

    def _wrap_model(self, model: nn.Module) -> Any:
        import deepspeed

        if not torch.distributed.is_initialized():
            _init_single_process()
        if get_device() == 'cpu':
            # An op for inference alone, which DeepSpeed would compile here, for over a minute.
            deepspeed.ops.__compatible_ops__['deepspeed_shm_comm'] = False
            # torch computes in fp16 on any CPU, DeepSpeed asks for one with instructions for it
            deepspeed.get_accelerator().is_fp16_supported = lambda: True
        batch_size = self.dispatch_kwargs['train_micro_batch_size_per_gpu']
        self.config.setdefault('train_micro_batch_size_per_gpu', batch_size)
        wrapper = super()._wrap_model(model)
        if self._timeout is not None:
            _limit_waiting(timedelta(seconds=self._timeout))
        _undo_first_step(wrapper.model.optimizer)
        return wrapper


def _read_config(config: str | dict | None) -> dict:
    if isinstance(config, str):
        with open(config) as file:
            return json.load(file)
    return config or {}


def _plain(value: Any) -> Any:
    """Copy without mmengine's dict class, which DeepSpeed would pickle into its checkpoints."""
    if isinstance(value, dict):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    return value


def _init_single_process() -> None:
    """Stand in for a launcher: DeepSpeed wants a process group even for one process."""
    os.environ.setdefault('LOCAL_RANK', '0')
    backend = 'gloo' if get_device() == 'cpu' else 'nccl'
    store = torch.distributed.HashStore()
    torch.distributed.init_process_group(backend, store=store, rank=0, world_size=1)


def _limit_waiting(timeout: timedelta) -> None:
    """Give all process groups one time-out: DeepSpeed makes its own with torch's, 30 minutes on CPUs."""
    for group in torch.distributed.distributed_c10d._world.pg_map:
        torch.distributed.distributed_c10d._set_pg_timeout(timeout, group)


def _undo_first_step(optimizer: Any) -> None:
    """Take back the step without gradients that stage 0 makes to allocate Adam's moments.

    It decays the weights once and counts in the bias correction, unlike stages 1 to 3.
    """
    if type(optimizer).__name__ == 'FP16_UnfusedOptimizer':
        optimizer.optimizer.state.clear()
        optimizer.refresh_fp32_params()
