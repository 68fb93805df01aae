"""One runner for the configs of every host."""

import os

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from eva_mm.apis.errors import UserError


def _start_cpu_process_group(cfg: Config) -> None:
    """Join a gloo group where there is no GPU: mmengine's launchers call ``torch.cuda.set_device``."""
    if cfg.get('launcher') != 'pytorch' or torch.cuda.is_available() or is_distributed():
        return
    if 'RANK' not in os.environ:
        raise UserError(
            '--launcher pytorch expects the environment that torchrun sets: start with '
            'torchrun --nproc_per_node=N tools/train.py ..., or leave --launcher out.'
        )
    torch.distributed.init_process_group('gloo')
    if cfg.get('runner_type') is None:
        cfg.setdefault('model_wrapper_cfg', dict(type='MMDistributedDataParallel', device_ids=None))


def build_runner(cfg: Config) -> Runner:
    """Build mmengine's ``Runner``, or ``FlexibleRunner`` where the config has a ``strategy``.

    Args:
        cfg: A whole config; ``default_scope`` is that of its host.

    Returns:
        The runner, ready for ``train()``, ``val()`` or ``test()``.
    """
    if cfg.get('strategy') is not None:
        cfg.runner_type = 'FlexibleRunner'
    if cfg.get('runner_type') is None:
        _start_cpu_process_group(cfg)
        return Runner.from_cfg(cfg)
    return RUNNERS.build(cfg)
