"""One short training through what ``tools/train.py`` does; its losses."""

import os
import socket
from argparse import Namespace
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import numpy as np
import torch
from mmengine.device import utils as device_utils
from mmengine.hooks import Hook
from mmengine.registry import TRANSFORMS

from gpu_steps.draws_on_cpu import DrawsOnCPU


@TRANSFORMS.register_module(force=True)
class ArrayVideo:
    """Opens the frames of a video that were saved by ``numpy.save``, in place of ``eva_mm.OpenVideo``."""

    def __call__(self, results: dict) -> dict:
        """Add ``video_reader`` and ``total_frames``."""
        frames = np.load(results['filename'])
        reader = Namespace(read=lambda indices: [np.ascontiguousarray(frames[index]) for index in indices])
        return {**results, 'video_reader': reader, 'total_frames': len(frames)}


class LossLog(Hook):
    """Keeps the loss of every iteration."""

    def __init__(self) -> None:
        self.losses: list[float] = []

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Keep one."""
        self.losses.append(float(torch.as_tensor(outputs['loss']).detach()))


def join_as_only_rank() -> None:
    """Set what torchrun sets, for one process."""
    with socket.socket() as free:
        free.bind(('127.0.0.1', 0))
        port = free.getsockname()[1]
    world = dict(RANK=0, LOCAL_RANK=0, WORLD_SIZE=1, MASTER_ADDR='127.0.0.1', MASTER_PORT=port)
    os.environ.update({name: str(value) for name, value in world.items()})


def _autocast_on_cpu() -> torch.autocast:
    """Around a whole training: cached casts of weights would outlive the weights' next step."""
    return torch.autocast('cpu', torch.float16, cache_enabled=False)


def train(
    config: str,
    options: list[str],
    work_dir: Path,
    device: str,
    *,
    amp: bool = False,
    launcher: str = 'none',
    resume: str | None = None,
) -> list[float]:
    """Train on a device; returns the losses of the iterations.

    Args:
        config: Path of the config.
        options: ``--cfg-options``.
        work_dir: New directory.
        device: ``'cuda'`` or ``'cpu'``, also where there is CUDA.
        amp: Mixed precision: ``--amp`` on CUDA; autocast to fp16 without loss scale on a CPU, as on a GPU.
        launcher: Of ``tools/train.py``.
        resume: Checkpoint to go on from.
    """
    from eva_mm.apis.options import TrainOptions, parse_cfg_options
    from eva_mm.apis.train import prepare_training

    device_utils.DEVICE = device
    # convolutions in full fp32, so that a plain run can be compared with the CPU's
    torch.backends.cudnn.allow_tf32 = False
    run = TrainOptions(
        config=config,
        cfg_options=parse_cfg_options(options),
        work_dir=str(work_dir),
        launcher=launcher,
        seed=0,
        resume=resume,
        amp=amp and device == 'cuda',
    )
    log = LossLog()
    runner = prepare_training(run)
    runner.register_hook(log)
    with _autocast_on_cpu() if amp and device == 'cpu' else nullcontext(), DrawsOnCPU():
        runner.train()
    return log.losses
