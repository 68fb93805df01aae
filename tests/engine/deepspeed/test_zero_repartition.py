"""ZeRO runs that lose what runs of weeks lose: processes, steps, room on the disk."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from eva_mm.engine.long_run.checkpoint_store import newest_sound
from eva_mm.engine.long_run.corruption import find_corruption

pytestmark = pytest.mark.skipif(importlib.util.find_spec('deepspeed') is None, reason='deepspeed is not installed')
SCRIPT = Path(__file__).with_name('long_run.py')
RANKS = ('-m', 'torch.distributed.run', '--standalone', '--nproc_per_node=2')


@pytest.fixture(scope='module')
def folder(tmp_path_factory):
    """Where the runs are."""
    return tmp_path_factory.mktemp('zero')


@pytest.fixture(scope='module')
def results(folder):
    """Two processes, then one, then two."""
    results = {}
    for part, launcher in (('first', RANKS), ('second', ()), ('third', RANKS)):
        done = subprocess.run(
            [sys.executable, *launcher, str(SCRIPT), str(folder), part],
            env={**os.environ, 'PYTHONPATH': str(Path(__file__).parents[3]), 'OMP_NUM_THREADS': '1'},
            capture_output=True,
            text=True,
            timeout=300,
        )
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-5000:]
        results[f'{part} log'] = done.stdout + done.stderr
        results.update(torch.load(folder / f'{part}.pth'))
    return results


def test_state_is_the_same_whatever_the_number_of_processes(results):
    saved, loaded, again = (results[part]['states'] for part in ('first', 'second', 'third'))
    for step, before, after in ((4, saved, loaded), (8, loaded, again)):
        assert before[step].keys() == after[step].keys()
        assert len(before[step]) == 3 * 6 + 2  # weights and two moments of 6 parameters, steps, loss scale
        assert any(value.any() for name, value in before[step].items() if name.endswith('exp_avg_sq'))
        for name, value in before[step].items():
            assert torch.equal(value, after[step][name]), (step, name)


def test_training_goes_on_with_the_same_losses(results):
    whole = results['whole']['losses']
    for part, steps in (('first', range(6)), ('second', range(4, 8)), ('third', range(8, 10))):
        losses = results[part]['losses']
        assert sorted(losses) == list(steps)
        # the sums of fp16 gradients are in another order
        assert list(losses.values()) == pytest.approx([whole[step] for step in steps], rel=2e-3)


def test_one_process_that_sees_nan_takes_all_back(results):
    assert 'For 2 iterations in a row the loss' in results['first log']
    assert 'iter_4.pth, with other data from there on' in results['first log']
    spoilt = results['spoilt']
    assert sorted(spoilt['losses']) == list(range(10))
    assert all(torch.isfinite(value).all() for value in spoilt['states'][10].values())


def test_a_full_disk_of_one_process_costs_no_checkpoint(results, folder):
    assert 'iter_8.pth could not be written' in results['first log']
    assert newest_sound(folder / 'full') == str(folder / 'full/iter_4.pth')
    assert find_corruption(folder / 'full/iter_4.pth') is None
    assert not list((folder / 'full').glob('*iter_8*'))
    assert sorted(results['full disk']['losses']) == list(range(9))
