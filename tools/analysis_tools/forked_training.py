"""Training runs that are forked from this process, so that a start costs a second, and killed or asked to stop."""

import multiprocessing
import os
import signal
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.hooks import Hook
from mmengine.registry import (
    DATASETS,
    HOOKS,
    LOOPS,
    METRICS,
    MODELS,
    OPTIMIZERS,
    PARAM_SCHEDULERS,
    TRANSFORMS,
    init_default_scope,
)

from eva_mm.apis.options import TrainOptions, parse_cfg_options
from eva_mm.apis.train import prepare_training
from eva_mm.process import begin_training

TIMEOUT = 300  # seconds without an end after which a run counts as hanging


class LossLog(Hook):
    """Appends iteration, exact loss and time to a file that survives a kill."""

    def __init__(self, file: Path) -> None:
        self.file = os.open(file, os.O_WRONLY | os.O_APPEND | os.O_CREAT)

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Write one line."""
        os.write(self.file, f'{runner.iter} {float(outputs["loss"]).hex()} {time.time()}\n'.encode())


class ForkedTraining:
    """Runs of one config in folders of their own.

    Args:
        config: A nano config.
        processes: Ranks of each run.
        options: Of ``--cfg-options``.
    """

    def __init__(self, config: str, processes: int, options: list[str]) -> None:
        self.config, self.processes, self.options = config, processes, options

    def start(self, work_dir: Path, resume: bool) -> list[multiprocessing.Process]:
        """Fork one process a rank."""
        with socket.socket() as free:
            free.bind(('127.0.0.1', 0))
            port = free.getsockname()[1]
        fork = multiprocessing.get_context('fork')
        processes = [
            fork.Process(target=self._train, args=(work_dir, resume, rank, port)) for rank in range(self.processes)
        ]
        for process in processes:
            process.start()
        return processes

    def _train(self, work_dir: Path, resume: bool, rank: int, port: int) -> None:
        os.setpgrp()  # the workers that load data are killed with it, or get the same signal
        begin_training()
        with open(work_dir / f'log_{rank}.txt', 'ab') as log:
            os.dup2(log.fileno(), 1)
            os.dup2(log.fileno(), 2)
        launcher = 'none'
        if self.processes > 1:
            launcher = 'pytorch'
            world = dict(RANK=rank, LOCAL_RANK=rank, WORLD_SIZE=self.processes, MASTER_PORT=port)
            os.environ.update({name: str(value) for name, value in world.items()}, MASTER_ADDR='127.0.0.1')
        runner = prepare_training(
            TrainOptions(
                config=self.config,
                work_dir=str(work_dir),
                cfg_options=parse_cfg_options(self.options),
                launcher=launcher,
                seed=0,
                resume='auto' if resume else None,
            )
        )
        runner.register_hook(LossLog(work_dir / f'losses_{rank}.txt'))
        runner.train()

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
    """SIGKILL all processes of a run and their workers; whether it was still running."""
    running = all(process.exitcode is None for process in processes)
    _send(processes, signal.SIGKILL)
    for process in processes:
        process.join()
    return running


def stop(processes: list[multiprocessing.Process]) -> list[int | None]:
    """SIGTERM to all processes of a run and their workers, as a scheduler sends it; their exit codes."""
    _send(processes, signal.SIGTERM)
    end = time.monotonic() + TIMEOUT
    for process in processes:
        process.join(max(0.0, end - time.monotonic()))
    return [process.exitcode for process in processes]


def _send(processes: list[multiprocessing.Process], number: int) -> None:
    for process in processes:
        try:
            os.killpg(process.pid, number)
        except ProcessLookupError:  # it is through, or has not made its group yet
            try:
                os.kill(process.pid, number)
            except ProcessLookupError:
                pass


def preload(config: str) -> None:
    """Import in this process what the runs need, by looking up every type that the config names."""
    cfg = Config.fromfile(config)
    init_default_scope(cfg.default_scope)
    for name in set(_types(cfg.to_dict())):
        for registry in (MODELS, DATASETS, TRANSFORMS, HOOKS, LOOPS, METRICS, OPTIMIZERS, PARAM_SCHEDULERS):
            if registry.get(name) is not None:
                break
    if cfg.get('strategy'):
        import deepspeed  # noqa: F401


def _types(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get('type'), str):
            yield part['type']
        part = list(part.values())
    if isinstance(part, (list, tuple)):
        for each in part:
            yield from _types(each)
