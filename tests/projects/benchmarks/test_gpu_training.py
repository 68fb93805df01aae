"""Nano training beside itself: ours equals ours, and an injected difference is found."""

import sys
from argparse import Namespace
from pathlib import Path

import pytest
import torch

ROOT = Path(__file__).parents[3]
sys.path.insert(0, str(ROOT / 'projects' / 'benchmarks'))
from gpu_steps import training  # noqa: E402
from gpu_steps.draws_on_cpu import DrawsOnCPU  # noqa: E402
from gpu_steps.recorder import Recorder, read  # noqa: E402
from gpu_steps.training_data import write_data  # noqa: E402
from gpu_steps.training_tasks import TASKS, ZERO  # noqa: E402

CONFIGS = {path.stem for path in (ROOT / 'configs' / 'nano').glob('*.py')}


@pytest.mark.parametrize(
    ('losses', 'status'),
    [
        ([2.0, 1.0], 'ok'),
        ([2.0, 1.01], 'ok'),
        ([2.01, 1.0], 'beyond its bound'),
        ([2.0, 1.1], 'beyond its bound'),
        ([2.0, float('nan')], 'beyond its bound'),
    ],
)
def test_losses_are_held_to_their_bounds(tmp_path, losses, status):
    training.record(Recorder(tmp_path / 'rows'), 'a', 'plain', losses, [2.0, 1.0], 'plain')
    (row,) = read(tmp_path / 'rows')
    assert row['status'] == status


def test_runs_of_other_lengths_are_not_compared():
    with pytest.raises(ValueError):
        training.error_of([1.0], [1.0, 2.0])


def test_every_nano_config_that_trains_is_there():
    # the same as others in what they run: more images, evaluation only, another backbone or head
    others = {'pretrain_merged', 'classification_robustness', 'detection_lvis-annotation'}
    twins = {name for name in CONFIGS if name.endswith(('_eva02', '_eomt'))}
    assert {task.name for task in (*TASKS, ZERO)} == CONFIGS - others - twins
    assert {task.name for task in TASKS if task.in_nano} == {
        'pretrain', 'classification', 'detection', 'segmentation', 'video', 'clip'
    }  # fmt: skip


@pytest.fixture
def pretrain(tmp_path, monkeypatch):
    """Rows of the pre-training on the CPU, by run."""
    pytest.importorskip('mmpretrain')
    pytest.importorskip('open_clip')
    monkeypatch.chdir(ROOT)
    monkeypatch.setattr('mmengine.device.utils.DEVICE', 'cpu')
    arguments = Namespace(device='cpu', size='nano', scratch=tmp_path, rows=tmp_path / 'rows')
    write_data(tmp_path / 'data', 8)

    def run():
        training.compare_task(TASKS[0], arguments, Recorder(arguments.rows))
        return {row['run']: row for row in read(arguments.rows)}

    return run


def test_plain_equals_and_mixed_precision_and_resuming_are_near(pretrain):
    found = pretrain()
    assert {name: row['status'] for name, row in found.items()} == dict.fromkeys(('plain', 'amp', 'resumed'), 'ok')
    assert found['plain']['worst_error'] == 0 == found['resumed']['worst_error']
    # fp16 is really in use, and weights move
    assert 0 < found['amp']['worst_error'] < 0.02
    assert found['plain']['first_loss'] - found['plain']['last_loss'] > 0.05
    assert found['resumed']['start'] == 1 and len(found['resumed']['losses']) == 1


def test_a_backward_pass_that_is_wrong_on_the_device_is_found(pretrain, monkeypatch):
    """Only the weights' steps tell: the first loss is that of the reference."""
    from gpu_steps import training_run

    original, runs = training_run.train, []

    def train(*args, **kwargs):
        runs.append(kwargs)
        if len(runs) > 2:
            raise NotImplementedError('only the plain run is of interest')
        if len(runs) == 1:
            return original(*args, **kwargs)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(torch.optim.AdamW, 'step', lambda self, closure=None: None)
            return original(*args, **kwargs)

    monkeypatch.setattr(training_run, 'train', train)
    found = pretrain()
    assert found['plain']['status'] == 'beyond its bound' and found['plain']['first_error'] == 0


def test_draws_are_those_of_the_cpu():
    """The meta device stands for one that is not the CPU: what reaches it was drawn on the CPU."""
    torch.manual_seed(0)
    expected = torch.rand(3), torch.rand(2)
    torch.manual_seed(0)
    with DrawsOnCPU():
        found = torch.rand(3, device='meta'), torch.rand(2)
    assert found[0].device.type == 'meta' and torch.equal(found[1], expected[1])
    torch.manual_seed(0)
    with DrawsOnCPU():
        torch.empty(3, device='meta').uniform_()
        assert torch.equal(torch.rand(2), expected[1])
