"""tools/train.py refuses a directory that is in use, or that holds what a new run would write over."""

import subprocess
import sys
from pathlib import Path

import pytest
import torch
from mmengine.config import Config

from eva_mm.apis.errors import UserError
from eva_mm.apis.work_dir import claim_work_dir, is_first_process
from eva_mm.engine.long_run.work_dir_lock import release_work_dir

ROOT = Path(__file__).parents[2]


@pytest.fixture
def config(tmp_path):
    """A config with a work directory of its own."""
    yield Config(dict(work_dir=str(tmp_path / 'run'), default_hooks=dict(checkpoint=dict(type='CheckpointHook'))))
    release_work_dir(tmp_path / 'run')


def _checkpoint(folder, name='epoch_3.pth'):
    folder.mkdir(parents=True, exist_ok=True)
    torch.save({}, folder / name)


@pytest.mark.parametrize('name', ['epoch_3.pth', 'iter_300.pth', 'best_accuracy_epoch_3.pth'])
def test_a_new_run_is_refused_where_there_are_checkpoints(config, tmp_path, name):
    _checkpoint(tmp_path / 'run', name)
    with pytest.raises(UserError, match=f'run holds checkpoints of an earlier run .{name}.: go on with it by --resume'):
        claim_work_dir(config)
    config.resume = True
    claim_work_dir(config)
    assert (tmp_path / 'run' / name).exists()


def test_a_directory_of_deepspeed_counts(config, tmp_path):
    (tmp_path / 'run/iter_3.pth').mkdir(parents=True)
    with pytest.raises(UserError, match='iter_3.pth'):
        claim_work_dir(config)


def test_checkpoints_in_a_folder_of_their_own_count(config, tmp_path):
    _checkpoint(tmp_path / 'disk/run')
    config.default_hooks.checkpoint.out_dir = str(tmp_path / 'disk')
    with pytest.raises(UserError, match='disk/run holds checkpoints'):
        claim_work_dir(config)


def test_what_is_no_checkpoint_of_a_run_does_not_count(config, tmp_path):
    (tmp_path / 'run').mkdir()
    for name in ('log.txt', 'weights.pth', 'eva_psz14.pt', '.iter_3.pth.part'):
        (tmp_path / 'run' / name).write_text('')
    claim_work_dir(config)


def test_only_the_first_process_looks(config, tmp_path, monkeypatch):
    _checkpoint(tmp_path / 'run')
    config.launcher = 'pytorch'
    monkeypatch.setenv('RANK', '1')
    claim_work_dir(config)
    assert not is_first_process('pytorch') and is_first_process('none')
    monkeypatch.setenv('RANK', '0')
    with pytest.raises(UserError):
        claim_work_dir(config)


def test_the_command_ends_with_one_line_and_nothing_is_touched(tmp_path):
    (tmp_path / 'images').mkdir()
    _checkpoint(tmp_path / 'run')
    before = sorted(path.name for path in (tmp_path / 'run').iterdir())
    done = subprocess.run(
        [
            sys.executable, 'tools/train.py', 'configs/nano/pretrain.py', '--work-dir', str(tmp_path / 'run'),
            '--cfg-options', f'train_dataloader.dataset.data_root={tmp_path / "images"}', 'val_dataloader=None',
            'val_cfg=None', 'val_evaluator=None',
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=120,
    )  # fmt: skip
    assert done.returncode == 2
    assert 'holds checkpoints of an earlier run' in done.stderr.splitlines()[-1]
    assert sorted(path.name for path in (tmp_path / 'run').iterdir()) == ['.lock', *before]
