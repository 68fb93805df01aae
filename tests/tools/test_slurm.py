"""A real Slurm pre-empts a training of two tasks, requeues it, and it finishes as if nothing had been."""

import sys
import time

import pytest

from tests.helpers.nano_pretraining import ROOT, logged_iterations, make_inputs
from tests.helpers.slurm_cluster import Cluster, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or 'it can run')

EPOCHS, IMAGES, BATCH = 12, 64, 4
LAST = EPOCHS * IMAGES // (2 * BATCH)
PATIENCE = 240  # seconds on a busy machine


@pytest.fixture
def cluster(tmp_path):
    (tmp_path / 'slurm').mkdir()
    cluster = Cluster(tmp_path / 'slurm')
    yield cluster
    cluster.stop()


def wait_until(done, log):
    end = time.monotonic() + PATIENCE
    while not done():
        if time.monotonic() > end:
            raise AssertionError(log.read_text()[-3000:] if log.exists() else 'the job wrote nothing')
        time.sleep(0.1)


def submit(cluster, tmp_path):
    """A training of two tasks with workers; its number, work directory and log."""
    log, work_dir = tmp_path / 'job.log', tmp_path / 'run'
    options = [
        *make_inputs(tmp_path / 'inputs', IMAGES),
        f'train_dataloader.batch_size={BATCH}',
        'train_dataloader.num_workers=1',
        'train_dataloader.persistent_workers=True',
        f'train_cfg.max_epochs={EPOCHS}',
        'default_hooks.logger.interval=1',
        'default_hooks.checkpoint.by_epoch=False',
        'default_hooks.checkpoint.interval=1000',
    ]
    printed = cluster.run(
        'bash', str(ROOT / 'tools/slurm_train.sh'), 'low', 'nano', str(ROOT / 'configs/nano/pretrain.py'),
        '--seed', '0', '--work-dir', str(work_dir), '--cfg-options', *options,
        REQUEUE='1', GPUS='2', CPUS_PER_TASK='1', GRES='', PYTHON=sys.executable, OMP_NUM_THREADS='1',
        CUDA_VISIBLE_DEVICES='', SBATCH_ARGS=f'--output={log} --chdir={ROOT}',
    )  # fmt: skip
    assert printed.startswith('Submitted batch job'), printed
    wait_until(lambda: work_dir.exists() and len(logged_iterations(work_dir)) >= 3, log)
    return printed.split()[-1], work_dir, log


def preempt(cluster, number):
    """As Slurm does for an urgent job."""
    assert 'urgent' in cluster.run('srun', '-p', 'high', '-n', '2', 'echo', 'urgent')


def signal_all(cluster, number):
    """To every process of the job: the batch script, the tasks, their workers, and srun, which then kills the tasks."""
    cluster.run('scancel', '--signal=TERM', '--full', number)


def signal_tasks(cluster, number):
    """To the tasks and their workers, as before the time limit."""
    cluster.run('scancel', '--signal=USR1', number)


@pytest.mark.parametrize('stop', [preempt, signal_all, signal_tasks])
def test_a_job_that_is_stopped_is_requeued_resumes_and_finishes(cluster, tmp_path, stop):
    number, work_dir, log = submit(cluster, tmp_path)
    stop(cluster, number)
    wait_until(lambda: cluster.job(number)['Restarts'] == '1', log)
    wait_until(lambda: cluster.job(number)['JobState'] not in ('PENDING', 'RUNNING', 'COMPLETING'), log)
    job, text = cluster.job(number), log.read_text()
    assert (job['JobState'], job['ExitCode']) == ('COMPLETED', '0:0'), text[-3000:]
    steps = logged_iterations(work_dir)
    if stop is signal_all:
        assert sorted(set(steps)) == list(range(1, LAST + 1))
    else:
        # saved when it was told to stop: no iteration is lost, none is done twice
        assert steps == list(range(1, LAST + 1))
    saved = [path.name for path in work_dir.glob('iter_*.pth')]
    assert saved == [f'iter_{LAST}.pth'], 'that of the stop is outdated'


def test_a_test_runs_as_a_step(cluster):
    printed = cluster.run(
        'bash', str(ROOT / 'tools/slurm_test.sh'), 'low', 'nano', 'configs/none.py', 'none.pth',
        GPUS='1', CPUS_PER_TASK='1', GRES='', PYTHON=sys.executable,
    )  # fmt: skip
    assert 'Config not found: configs/none.py' in printed
