"""A real Slurm pre-empts a training of two tasks, requeues it, and it finishes as if nothing had been."""

import sys
import time

import pytest

from tests.helpers.nano_pretraining import ROOT, logged_iterations, make_inputs
from tests.helpers.slurm_cluster import Cluster, why_not

pytestmark = pytest.mark.skipif(bool(why_not()), reason=why_not() or 'it can run')

EPOCHS, IMAGES, BATCH = 20, 64, 4
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


def test_a_preempted_job_is_requeued_resumes_and_finishes(cluster, tmp_path):
    log, work_dir = tmp_path / 'job.log', tmp_path / 'run'
    options = [
        *make_inputs(tmp_path / 'inputs', IMAGES),
        f'train_dataloader.batch_size={BATCH}',
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
    number = printed.split()[-1]

    wait_until(lambda: work_dir.exists() and len(logged_iterations(work_dir)) >= 3, log)
    assert 'urgent' in cluster.run('srun', '-p', 'high', '-n', '2', 'echo', 'urgent')
    assert cluster.job(number)['Restarts'] == '1'

    wait_until(lambda: cluster.job(number)['JobState'] not in ('PENDING', 'RUNNING', 'COMPLETING'), log)
    job, text = cluster.job(number), log.read_text()
    assert (job['JobState'], job['ExitCode']) == ('COMPLETED', '0:0'), text[-3000:]
    steps = logged_iterations(work_dir)
    # saved when it was told to stop: no iteration is lost, none is done twice
    assert steps == list(range(1, LAST + 1))
    saved = [path.name for path in work_dir.glob('iter_*.pth')]
    assert f'iter_{LAST}.pth' in saved and len(saved) == 2, saved


def test_a_test_runs_as_a_step(cluster):
    printed = cluster.run(
        'bash', str(ROOT / 'tools/slurm_test.sh'), 'low', 'nano', 'configs/none.py', 'none.pth',
        GPUS='1', CPUS_PER_TASK='1', GRES='', PYTHON=sys.executable,
    )  # fmt: skip
    assert "The config 'configs/none.py' does not exist" in printed
