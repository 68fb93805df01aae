"""Two nodes on the loopback train with ZeRO-1; one is stopped, then killed: the other ends in time, the run goes on."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from tests.helpers.nano_pretraining import ROOT, logged_iterations, make_inputs

pytestmark = pytest.mark.skipif(importlib.util.find_spec('deepspeed') is None, reason='deepspeed is not installed')

TIMEOUT = 20  # seconds, env_cfg.dist_cfg.timeout; also what the start of one node may lag behind the other
STARTED = 200  # seconds that a start or a whole run may take on a busy machine
EPOCHS, IMAGES, BATCH = 6, 64, 4


def free_port():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 0))
        return server.getsockname()[1]


class Nodes:
    """Two calls of tools/dist_train.sh: torchrun and its worker, which torchrun puts into a session of its own."""

    def __init__(self, folder: Path, *arguments: str) -> None:
        port = str(free_port())
        self.log = folder / 'nodes.log'
        self.processes, self.signalled = [], []
        for rank in range(2):
            environment = dict(
                os.environ, NNODES='2', NODE_RANK=str(rank), MASTER_ADDR='127.0.0.1', PORT=port, PYTHON=sys.executable,
                CUDA_VISIBLE_DEVICES='', OMP_NUM_THREADS='1',
            )  # fmt: skip
            command = ['bash', 'tools/dist_train.sh', 'configs/nano/pretrain_deepspeed.py', '1', *arguments]
            with open(self.log, 'ab') as log:
                self.processes.append(subprocess.Popen(command, cwd=ROOT, env=environment, stdout=log, stderr=log))

    def signal(self, rank: int, number: int) -> None:
        """Send a signal to all processes of a node."""
        node = psutil.Process(self.processes[rank].pid)
        self.signalled += (members := [node, *node.children(recursive=True)])
        for process in members:
            process.send_signal(number)

    def wait(self, rank: int, seconds: float) -> int:
        """Exit code of a node's torchrun."""
        return self.processes[rank].wait(timeout=seconds)

    def end(self) -> None:
        """Kill what is left."""
        left = list(self.signalled)
        for process in self.processes:
            if process.poll() is None:
                node = psutil.Process(process.pid)
                left += [node, *node.children(recursive=True)]
        for process in left:
            try:
                process.kill()
            except psutil.NoSuchProcess:
                pass
        for process in self.processes:
            process.wait()


@pytest.fixture
def run(tmp_path):
    """Start both nodes; whatever happens, none of them outlives the test."""
    options = [
        *make_inputs(tmp_path, IMAGES),
        f'train_dataloader.batch_size={BATCH}',
        f'train_cfg.max_epochs={EPOCHS}',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.by_epoch=False',
        'default_hooks.checkpoint.interval=4',
        f'env_cfg.dist_cfg.timeout={TIMEOUT}',
    ]
    started = []

    def start(*arguments):
        started.append(Nodes(tmp_path, '--work-dir', str(tmp_path / 'run'), *arguments, '--cfg-options', *options))
        return started[-1]

    yield start
    for nodes in started:
        nodes.end()


def wait_for_checkpoint(nodes, work_dir, after=None):
    """Name of the next checkpoint that is complete."""
    pointer, end = work_dir / 'last_checkpoint', time.monotonic() + STARTED
    while time.monotonic() < end:
        name = pointer.read_text() if pointer.exists() else None
        if name and name != after:
            return name
        assert nodes.processes[0].poll() is None, nodes.log.read_text()[-3000:]
        time.sleep(0.02)
    raise AssertionError(f'No checkpoint within {STARTED} s: {nodes.log.read_text()[-3000:]}')


def test_a_lost_node_ends_the_run_in_time_and_it_resumes(run, tmp_path):
    work_dir = tmp_path / 'run'

    nodes = run()
    first = wait_for_checkpoint(nodes, work_dir)
    nodes.signal(1, signal.SIGSTOP)  # as a node that hangs or lost its network: connections stay open
    start = time.monotonic()
    assert nodes.wait(0, TIMEOUT + 60) != 0
    assert time.monotonic() - start >= 0.5 * TIMEOUT, 'it must be the time-out that ended the other node'
    nodes.end()

    nodes = run('--resume')
    second = wait_for_checkpoint(nodes, work_dir, after=first)
    nodes.signal(1, signal.SIGKILL)
    start = time.monotonic()
    assert nodes.wait(0, 60) != 0
    print(f'node 0 ended {time.monotonic() - start:.1f} s after node 1 was killed')
    nodes.end()

    nodes = run('--resume')
    codes = [nodes.wait(rank, STARTED) for rank in range(2)]
    assert codes == [0, 0], nodes.log.read_text()[-3000:]
    steps = logged_iterations(work_dir)
    last = EPOCHS * IMAGES // (2 * BATCH)
    assert steps[-1] == last and set(steps) == set(range(1, last + 1))
    assert steps.count(1) == 1, 'a resumed run must not start over'
    assert second != first
