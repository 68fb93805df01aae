import resource
from pathlib import Path

import pytest
import torch
from long_run_toy import MeanPrediction, build, train
from mmengine.evaluator import Evaluator
from mmengine.hooks import Hook

from eva_mm.engine.long_run.checkpoint_store import publish
from eva_mm.engine.long_run.corruption import find_corruption
from eva_mm.process import DISK_FULL


@pytest.fixture
def full_disk():
    """A function after whose call no file can grow beyond 100 bytes, until it is called with True."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)

    def change(room):
        resource.setrlimit(resource.RLIMIT_FSIZE, before if room else (100, before[1]))

    yield change
    change(True)


def _names(folder):
    return sorted(path.name for path in folder.iterdir() if path.is_file() and path.suffix != '.py')


def test_checkpoints_are_sound_and_old_ones_go(tmp_path):
    record = train(tmp_path)
    assert _names(tmp_path) == ['iter_18.pth', 'iter_21.pth', 'iter_24.pth', 'last_checkpoint']
    assert all(find_corruption(tmp_path / f'iter_{step}.pth') is None for step in (18, 21, 24))
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_24.pth')
    saved = torch.load(tmp_path / 'iter_24.pth', weights_only=False)
    assert saved['meta']['iter'] == 24
    assert torch.equal(saved['state_dict']['linear.weight'], record.weights['linear.weight'])


def test_a_resumed_run_removes_what_a_killed_one_was_about_to(tmp_path, monkeypatch):
    monkeypatch.setattr('eva_mm.engine.long_run.safe_checkpoint_hook.discard', lambda path: None)  # killed before
    train(tmp_path, die_after=12)
    monkeypatch.undo()
    assert 'iter_3.pth' in _names(tmp_path)
    train(tmp_path, die_after=13, resume=True)
    assert _names(tmp_path) == ['iter_12.pth', 'iter_6.pth', 'iter_9.pth', 'last_checkpoint']


def test_a_full_disk_costs_no_checkpoint(tmp_path, full_disk, capfd):
    runner = build(tmp_path)
    save = runner.save_checkpoint

    def save_on_a_full_disk(*args, **kwargs):
        full_disk(runner.iter + 1 != 24)
        try:
            save(*args, **kwargs)
        finally:
            full_disk(True)

    runner.save_checkpoint = save_on_a_full_disk
    with pytest.raises(SystemExit) as ended:  # the weights of the end are not on the disk
        runner.train()
    assert ended.value.code == DISK_FULL == 74
    assert _names(tmp_path) == ['iter_15.pth', 'iter_18.pth', 'iter_21.pth', 'last_checkpoint']
    assert (tmp_path / 'last_checkpoint').read_text() == str(tmp_path / 'iter_21.pth')
    assert runner.iter == 24
    warning = ' '.join(capfd.readouterr())
    assert 'iter_24.pth could not be written' in warning and 'the checkpoint before it is kept' in warning


def test_a_full_disk_may_end_the_run(tmp_path, monkeypatch):
    def full(part, final):
        raise OSError(28, 'No space left on device')

    monkeypatch.setattr('eva_mm.engine.long_run.safe_checkpoint_hook.publish', full)
    with pytest.raises(OSError, match='iter_3.pth could not be written .*No space left on device.*is kept'):
        train(tmp_path, stop_if_unwritable=True)
    assert _names(tmp_path) == []


def test_checkpoints_wait_until_accumulated_gradients_are_used(tmp_path):
    options = dict(accumulate=4, max_keep_ckpts=-1)
    whole = train(tmp_path / 'whole', **options)
    # due at 3, 6, ... 24
    steps = sorted(int(path.stem.split('_')[1]) for path in (tmp_path / 'whole').glob('iter_*.pth'))
    assert steps == [4, 8, 12, 16, 20, 24]
    train(tmp_path / 'part', die_after=11, **options)
    rest = train(tmp_path / 'part', resume=True, **options)
    assert min(rest.losses) == 8
    assert rest.losses == {step: whole.losses[step] for step in range(8, 24)}


def test_an_epoch_that_ends_between_steps_is_told_of(tmp_path, capfd):
    runner = build(tmp_path, by_epoch=True, accumulate=3)
    runner.logger.setLevel('WARNING')
    runner.train()
    assert 'An epoch of 8 iterations is no multiple of the 3 that are accumulated' in ' '.join(capfd.readouterr())


class Falling(MeanPrediction):
    """Better and better, by its name."""

    def compute_metrics(self, results):
        self.value = getattr(self, 'value', 0) + 1
        return dict(accuracy=self.value)


def _with_best(work_dir, **options):
    runner = build(work_dir, validate=1, by_epoch=True, save_best='accuracy', **options)
    runner._val_evaluator = Evaluator(Falling())
    return runner


def test_the_best_one_so_far_is_there_until_the_next_is(tmp_path, monkeypatch):
    seen = []

    def publish_and_look(part, final):
        seen.append(sorted(path.name for path in tmp_path.glob('best_*')))
        publish(part, final)

    monkeypatch.setattr('eva_mm.engine.long_run.safe_checkpoint_hook.publish', publish_and_look)
    _with_best(tmp_path).train()
    assert ['best_accuracy_epoch_1.pth'] in seen and ['best_accuracy_epoch_2.pth'] in seen
    # nothing between the first and the end was without one
    assert [] not in seen[seen.index(['best_accuracy_epoch_1.pth']) :]
    assert [path.name for path in tmp_path.glob('best_*')] == ['best_accuracy_epoch_3.pth']


def test_a_best_one_that_cannot_be_written_leaves_the_one_before(tmp_path, monkeypatch):
    def publish_but(part, final):
        if final.name == 'best_accuracy_epoch_2.pth':
            raise OSError(28, 'No space left on device')
        publish(part, final)

    monkeypatch.setattr('eva_mm.engine.long_run.safe_checkpoint_hook.publish', publish_but)
    runner = _with_best(tmp_path, steps=16)
    with pytest.raises(SystemExit):
        runner.train()
    assert [path.name for path in tmp_path.glob('best_*')] == ['best_accuracy_epoch_1.pth']
    info = runner.message_hub.runtime_info
    assert (info['best_score'], Path(info['best_ckpt']).name) == (1, 'best_accuracy_epoch_1.pth')


class Spoil(Hook):
    """Writes NaN into a weight, as a run does whose losses are not judged."""

    def before_train_iter(self, runner, batch_idx, data_batch=None):
        if runner.iter == 10:
            torch.nn.init.constant_(runner.model.linear.bias, float('nan'))


def test_weights_that_are_not_finite_are_never_saved(tmp_path):
    hooks = [Spoil(), dict(type='eva_mm.LossGuardHook')]
    with pytest.raises(RuntimeError, match='linear.bias is not finite; no checkpoint .* before it are kept'):
        train(tmp_path, hooks=hooks)
    assert _names(tmp_path) == ['iter_3.pth', 'iter_6.pth', 'iter_9.pth', 'last_checkpoint']
    saved = torch.load(tmp_path / 'iter_9.pth', weights_only=False)
    assert saved['state_dict']['linear.bias'].isfinite().all()


def test_without_the_guard_they_are(tmp_path):
    train(tmp_path, hooks=[Spoil()])
    assert not torch.load(tmp_path / 'iter_24.pth', weights_only=False)['state_dict']['linear.bias'].isfinite().any()
