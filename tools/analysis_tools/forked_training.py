"""Training runs that are forked from this process, so that a start costs a second, and killed with SIGKILL."""

import json
import multiprocessing
import os
import signal
import socket
import sys
import time
from argparse import Namespace
from pathlib import Path
from typing import Any

import numpy as np
import open_clip
import torch
from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import DATASETS, HOOKS, MODELS, TRANSFORMS, init_default_scope
from PIL import Image

from eva_mm.apis.train import prepare_training

TIMEOUT = 300  # seconds without an end after which a run counts as hanging


class LossLog(Hook):
    """Appends iteration, exact loss and time to a file that survives a kill."""

    def __init__(self, file: Path) -> None:
        self.file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write one line."""
        os.write(self.file, f'{runner.iter} {float(outputs["loss"]).hex()} {time.time()}\n'.encode())


def make_inputs(folder: Path) -> list[str]:
    """Noise images and a random teacher; returns the options that name them."""
    (folder / 'images').mkdir(parents=True)
    (folder / 'teacher').mkdir()
    generator = np.random.default_rng(0)
    for index in range(96):
        pixels = generator.integers(0, 256, (96, 96, 3), dtype=np.uint8)
        Image.fromarray(pixels).save(folder / 'images' / f'{index}.png')
    config = dict(
        embed_dim=64,
        vision_cfg=dict(image_size=84, layers=1, width=32, head_width=16, patch_size=14),
        text_cfg=dict(context_length=8, vocab_size=64, width=16, heads=2, layers=1),
    )
    (folder / 'teacher/open_clip_config.json').write_text(json.dumps({'model_cfg': config, 'preprocess_cfg': {}}))
    torch.manual_seed(0)
    torch.save(open_clip.CLIP(**config).state_dict(), folder / 'teacher/open_clip_pytorch_model.bin')
    return [
        f'model.target_generator.model=local-dir:{folder / "teacher"}',
        f'train_dataloader.dataset.data_root={folder / "images"}',
    ]


class ForkedTraining:
    """Runs of one config in folders of their own, of 12 iterations an epoch.

    Args:
        config: A nano pre-training.
        processes: Ranks of each run.
        epochs: How long.
        save_every: Iterations between checkpoints.
        inputs: Folder for images and teacher.
    """

    def __init__(self, config: str, processes: int, epochs: int, save_every: int, inputs: Path) -> None:
        self.config, self.processes = config, processes
        self.options = make_inputs(inputs) + [
            f'train_dataloader.batch_size={8 // processes}',
            'model.backbone.drop_path_rate=0.1',
            f'train_cfg.max_epochs={epochs}',
            'default_hooks.checkpoint.by_epoch=False',
            f'default_hooks.checkpoint.interval={save_every}',
            'val_cfg=None',
            'val_dataloader=None',
            'val_evaluator=None',
        ]

    def start(self, work_dir: Path, resume: bool) -> list[multiprocessing.Process]:
        """Fork one process a rank."""
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        fork = multiprocessing.get_context('fork')
        processes = [
            fork.Process(target=self._train, args=(work_dir, resume, rank, port))
            for rank in range(self.processes)
        ]
        for process in processes:
            process.start()
        return processes

    def _train(self, work_dir: Path, resume: bool, rank: int, port: int) -> None:
        os.setpgrp()  # the workers that load data are killed with it
        with open(work_dir / f'log_{rank}.txt', 'ab') as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        launcher = 'none'
        if self.processes > 1:
            launcher = 'pytorch'
            world = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=self.processes, MASTER_PORT=port)
            os.environ.update({name: str(value) for name, value in world.items()}, MASTER_ADDR='127.0.0.1')
        runner = prepare_training(
            Namespace(
                config=self.config, work_dir=str(work_dir), cfg_options=self.options, launcher=launcher, seed=0,
                resume='auto' if resume else None, load_from=None, no_validate=False, amp=False, auto_scale_lr=False,
                data_root=None,
            )
        )  # fmt: skip
        runner.register_hook(LossLog(work_dir / f'losses_{rank}.txt'))
        runner.train()
        sys.stdout.flush()
        os._exit(0)

    def finish(self, processes: list[multiprocessing.Process], work_dir: Path) -> None:
        """Wait for the end of a run."""
        for process in processes:
            process.join(TIMEOUT)
        if any(process.exitcode != 0 for process in processes):
            codes = [process.exitcode for process in processes]
            kill(processes)
            log = (work_dir / 'log_0.txt').read_text()[-3000:]
            raise RuntimeError(f'A run in {work_dir} ended with {codes} (None: hanging):\n{log}')


def kill(processes: list[multiprocessing.Process]) -> bool:
    """SIGKILL all processes of a run; whether it was still running."""
    running = all(process.exitcode is None for process in processes)
    for process in processes:
        try:
            os.killpg(process.pid, signal.SIGKILL)
        except ProcessLookupError:  # it is through, or has not made its group yet
            process.kill()
        process.join()
    return running


def preload(config: str) -> None:
    """Import in this process what the runs need, by looking up what they build."""
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    HOOKS.get('eva_mm.StepSeedHook')
    DATASETS.get(cfg.train_dataloader.dataset.type)
    for transform in cfg.train_dataloader.dataset.pipeline:
        TRANSFORMS.get(transform.type)
    for part in (cfg.model, cfg.model.data_preprocessor, cfg.model.backbone, cfg.model.head):
        MODELS.get(part.type)
    if cfg.get('strategy'):
        import deepspeed  # noqa: F401
