import resource

import pytest
import torch
from long_run_toy import build, train

from eva_mm.engine.long_run.checkpoint_store import find_corruption


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
    runner.train()
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
