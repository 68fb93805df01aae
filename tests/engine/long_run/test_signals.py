"""Signals to launchers, ranks and workers: what is done is saved, the code asks for a requeue, nothing is left."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from eva_mm.engine.long_run.corruption import iteration_of
from eva_mm.process import REQUEUE

ROOT = Path(__file__).parents[3]
SCRIPT = Path(__file__).with_name('signalled_run.py')
LAUNCHERS = {
    'no launcher': [],
    'launch': ['-m', 'eva_mm.apis.launch', '--standalone', '--nproc_per_node=2'],
    'torchrun': ['-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2'],
}
PATIENCE = 120  # seconds on a busy machine


def wait_for(moment):
    """Wait until it is so."""
    end = time.monotonic() + PATIENCE
    while not moment():
        assert time.monotonic() < end
        time.sleep(0.05)


def family(pid):
    """A process and all below it."""
    children = Path(f'/proc/{pid}/task/{pid}/children')
    below = [int(each) for each in children.read_text().split()] if children.exists() else []
    return [pid, *(each for child in below for each in family(child))]


def is_alive(pid):
    """Whether a process runs; one that is over and was not waited for does not."""
    try:
        return Path(f'/proc/{pid}/stat').read_text().rsplit(')', 1)[1].split()[0] not in 'ZX'
    except OSError:
        return False


@pytest.fixture
def start(tmp_path):
    """A function that starts a run and returns it when every rank has trained a few iterations."""
    processes = []

    def run(launcher):
        environment = {**os.environ, 'PYTHONPATH': f'{ROOT}:{ROOT / "tests/helpers"}', 'OMP_NUM_THREADS': '1'}
        command = [sys.executable, *LAUNCHERS[launcher], SCRIPT, str(tmp_path)]
        with open(tmp_path / 'log.txt', 'wb') as log:
            process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, start_new_session=True)
        processes.append(process)
        ranks = [tmp_path / f'rank{rank}.txt' for rank in range(2 if LAUNCHERS[launcher] else 1)]
        wait_for(lambda: process.poll() is not None or all(each.exists() and each.read_text() > '2' for each in ranks))
        assert process.poll() is None, (tmp_path / 'log.txt').read_text()[-3000:]
        return process

    yield run
    for process in processes:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def saved(folder):
    """Iteration of the checkpoint, if it is the one that the ranks were at."""
    iteration = iteration_of(Path((folder / 'last_checkpoint').read_text()))
    done = {int((folder / f'rank{rank}.txt').read_text()) for rank in range(2) if (folder / f'rank{rank}.txt').exists()}
    assert done == {iteration}
    return iteration


@pytest.mark.parametrize(
    'launcher, whom, number, code',
    [
        ('no launcher', 'group', signal.SIGTERM, REQUEUE),
        ('launch', 'launcher', signal.SIGTERM, REQUEUE),
        ('launch', 'launcher', signal.SIGUSR1, REQUEUE),
        ('launch', 'group', signal.SIGTERM, REQUEUE),
        ('launch', 'launcher', signal.SIGKILL, -signal.SIGKILL),
        ('torchrun', 'group', signal.SIGTERM, 1),
        ('torchrun', 'launcher', signal.SIGKILL, -signal.SIGKILL),
    ],
)
def test_the_run_saves_and_nothing_is_left(start, tmp_path, launcher, whom, number, code):
    process = start(launcher)
    everybody = family(process.pid)
    assert len(everybody) >= (5 if LAUNCHERS[launcher] else 2), 'ranks and their workers'
    os.killpg(process.pid, number) if whom == 'group' else process.send_signal(number)
    assert process.wait(PATIENCE) == code
    wait_for(lambda: not any(is_alive(each) for each in everybody))
    assert saved(tmp_path) > 2


def test_a_killed_run_leaves_no_worker(start):
    process = start('no launcher')
    everybody = family(process.pid)
    process.kill()
    process.wait()
    wait_for(lambda: not any(is_alive(each) for each in everybody))


def test_a_signal_during_start_up_asks_for_a_requeue(tmp_path):
    environment = {**os.environ, 'PYTHONPATH': str(ROOT)}
    process = subprocess.Popen(
        [sys.executable, SCRIPT, str(tmp_path)], env=environment, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout.readline() == 'started\n'
    process.terminate()
    assert process.wait(PATIENCE) == REQUEUE
