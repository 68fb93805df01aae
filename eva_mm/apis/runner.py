"""One runner for the configs of every host."""

import os
import subprocess
from datetime import timedelta

import torch
from mmengine.config import Config
from mmengine.dist import is_distributed
from mmengine.registry import RUNNERS
from mmengine.runner import Runner

from eva_mm.apis.errors import UserError
from eva_mm.engine.long_run.defaults import add_long_run
from eva_mm.engine.long_run.full_disk import tolerate_full_disk

# seconds that a batch may take its workers; a block of thousands of pairs takes a minute from a slow disk
WORKER_TIMEOUT = 1800

# what torchrun sets, and what Slurm calls it
_SLURM_NAMES = {'RANK': 'SLURM_PROCID', 'WORLD_SIZE': 'SLURM_NTASKS', 'LOCAL_RANK': 'SLURM_LOCALID'}


def _use_slurm_environment(cfg: Config) -> None:
    """Let ``--launcher slurm`` be ``pytorch`` where there is no GPU: mmengine's calls ``torch.cuda.set_device``."""
    if cfg.get('launcher') != 'slurm' or torch.cuda.is_available():
        return
    if 'SLURM_PROCID' not in os.environ:
        raise UserError('--launcher slurm expects the environment that srun sets: start with tools/slurm_train.sh.')
    os.environ.update({name: os.environ[slurm] for name, slurm in _SLURM_NAMES.items()})
    if 'MASTER_ADDR' not in os.environ:
        nodes = ('scontrol', 'show', 'hostnames', os.environ['SLURM_NODELIST'])
        os.environ['MASTER_ADDR'] = subprocess.check_output(nodes, text=True).split()[0]
    os.environ.setdefault('MASTER_PORT', '29500')
    cfg.launcher = 'pytorch'


def _start_cpu_process_group(cfg: Config) -> None:
    """Join a gloo group where there is no GPU: mmengine's launchers call ``torch.cuda.set_device``."""
    if cfg.get('launcher') != 'pytorch' or torch.cuda.is_available():
        return
    if cfg.get('sync_bn'):
        raise UserError(f'sync_bn={cfg.sync_bn!r} needs GPUs: leave it out on CPUs.')
    if is_distributed():
        return
    if 'RANK' not in os.environ:
        raise UserError(
            '--launcher pytorch expects the environment that torchrun sets: start with '
            'torchrun --nproc_per_node=N tools/train.py ..., or leave --launcher out.'
        )
    seconds = cfg.get('env_cfg', {}).get('dist_cfg', {}).get('timeout')
    torch.distributed.init_process_group('gloo', timeout=seconds and timedelta(seconds=seconds))


def _use_data_parallel(cfg: Config) -> None:
    """Wrap the model in our own class, with what mmengine takes from a config for its own wrapper."""
    options = {name: cfg.get(name, False) for name in ('find_unused_parameters', 'detect_anomalous_params')}
    if not torch.cuda.is_available():
        options['device_ids'] = None
    cfg.setdefault('model_wrapper_cfg', dict(type='eva_mm.EVADataParallel', broadcast_buffers=False, **options))


def _limit_waiting(cfg: Config) -> None:
    """Let a loader whose worker hangs, in a file or in the network, end the run instead of waiting for ever."""
    for name in ('train_dataloader', 'val_dataloader', 'test_dataloader'):
        loader = cfg.get(name)
        for one in loader if isinstance(loader, (list, tuple)) else [loader]:
            if isinstance(one, dict) and one.get('num_workers', 0) > 0:
                one.setdefault('timeout', WORKER_TIMEOUT)


def build_runner(cfg: Config) -> Runner:
    """Build mmengine's ``Runner``, or ``FlexibleRunner`` where the config has a ``strategy``.

    The config gets what :func:`~eva_mm.engine.long_run.defaults.add_long_run` adds, whatever host it is of.

    Args:
        cfg: A whole config; ``default_scope`` is that of its host.

    Returns:
        The runner, ready for ``train()``, ``val()`` or ``test()``.
    """
    add_long_run(cfg)
    _limit_waiting(cfg)
    if cfg.get('strategy') is not None:
        cfg.runner_type = 'FlexibleRunner'
    _use_slurm_environment(cfg)
    if cfg.get('runner_type') is None:
        _start_cpu_process_group(cfg)
        _use_data_parallel(cfg)
        runner = Runner.from_cfg(cfg)
    else:
        runner = RUNNERS.build(cfg)
    tolerate_full_disk(runner)
    return runner
