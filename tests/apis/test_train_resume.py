from types import SimpleNamespace

import pytest
import torch

from eva_mm.apis.errors import UserError
from eva_mm.apis.train import _choose_checkpoint


@pytest.fixture
def runner(tmp_path):
    """As much of a runner as the choice needs, with two checkpoints."""
    for step in (3, 6):
        torch.save({'weights': torch.arange(100)}, tmp_path / f'iter_{step}.pth')
    (tmp_path / 'last_checkpoint').write_text(str(tmp_path / 'iter_6.pth'))
    return SimpleNamespace(work_dir=str(tmp_path), _load_from=None, _resume=True)


def _truncate(file):
    file.write_bytes(file.read_bytes()[:-50])


def test_the_newest_sound_checkpoint_is_resumed(runner, tmp_path):
    _choose_checkpoint(runner)
    assert runner._load_from == str(tmp_path / 'iter_6.pth') and runner._resume
    _truncate(tmp_path / 'iter_6.pth')
    runner._load_from = None
    _choose_checkpoint(runner)
    assert runner._load_from == str(tmp_path / 'iter_3.pth') and runner._resume


def test_a_run_without_a_checkpoint_starts(runner, tmp_path):
    for file in tmp_path.iterdir():
        file.unlink()
    _choose_checkpoint(runner)
    assert runner._load_from is None and not runner._resume


def test_a_damaged_checkpoint_that_was_asked_for_is_refused(runner, tmp_path):
    _truncate(tmp_path / 'iter_6.pth')
    runner._load_from = str(tmp_path / 'iter_6.pth')
    with pytest.raises(UserError, match='--resume names .*iter_6.pth., which is damaged'):
        _choose_checkpoint(runner)
